-- Optional, account-wide: revokes what Snowflake grants every role by default and what costs money or
-- exposes data. Only if nobody else relies on it. Run by: ACCOUNTADMIN.
--
-- Without this file, a stolen dashboard key could also call Snowflake's language models at the
-- account's expense.
--
-- Snowflake's page on AI functions says that PUBLIC has these rights. Its page on
-- revoke_from_public_application_role says that the application role SNOWFLAKE.PUBLIC may have some, of
-- which no `revoke` takes any. Ask `show grants to application role SNOWFLAKE.PUBLIC`; for each right
-- below that it lists, run the procedure as ACCOUNTADMIN, too, such as
-- `call snowflake.local.revoke_from_public_application_role('PRIVILEGE', 'USE_AI_FUNCTIONS')`, or with
-- 'DB_ROLE' and 'CORTEX_USER'. A new account may also give it what is not below.
use role ACCOUNTADMIN;

revoke use ai functions on account from role PUBLIC;
revoke database role SNOWFLAKE.CORTEX_USER from role PUBLIC;
revoke database role SNOWFLAKE.COPILOT_USER from role PUBLIC;
