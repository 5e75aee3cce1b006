-- Optional, account-wide: revokes what Snowflake grants every role by default and what costs money or
-- exposes data. Only if nobody else relies on it. Run by: ACCOUNTADMIN.
--
-- Without this file, a stolen dashboard key could also call Snowflake's language models at the
-- account's expense.
use role ACCOUNTADMIN;

revoke use ai functions on account from role PUBLIC;
revoke database role SNOWFLAKE.CORTEX_USER from role PUBLIC;
revoke database role SNOWFLAKE.COPILOT_USER from role PUBLIC;
