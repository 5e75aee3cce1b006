-- Optional: a role, a warehouse and a database for people who change the models. They read RAW and
-- STORE, and clone them into MOVIELENS_DEV, where they build and publish. Run by: ACCOUNTADMIN, after
-- 04_grants.sql.
--
-- RAW and STORE hold user ids, and so do their clones: grant the role to people who may see them.
use role SECURITYADMIN;

create role if not exists MOVIELENS_DEVELOPER
  comment = 'Reads RAW and STORE, and builds in MOVIELENS_DEV';
grant role MOVIELENS_DEVELOPER to role SYSADMIN;

-- A warehouse of their own, so that no experiment delays a run or spends its credits.
use role ACCOUNTADMIN;

create resource monitor if not exists MOVIELENS_DEVELOPER
  with credit_quota = <% ctx.env.developer_credits %> frequency = monthly
  start_timestamp = immediately;
alter resource monitor MOVIELENS_DEVELOPER
  set credit_quota = <% ctx.env.developer_credits %>
  triggers on 80 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;

create warehouse if not exists MOVIELENS_DEVELOPER
  warehouse_size = xsmall
  auto_suspend = 60
  initially_suspended = true;
alter warehouse MOVIELENS_DEVELOPER set
  warehouse_size = xsmall
  auto_suspend = 60
  auto_resume = true
  resource_monitor = MOVIELENS_DEVELOPER
  statement_timeout_in_seconds = 3600
  statement_queued_timeout_in_seconds = 600
  comment = 'Builds of developers';

-- Transient, because dbt's tables are, and Snowflake clones no transient table into a permanent one.
-- SYSADMIN owns the database, because an owner can grant others access.
use role SYSADMIN;

create transient database if not exists MOVIELENS_DEV
  comment = 'Environments of developers';
-- Snowflake creates PUBLIC with the database; this restores it if somebody dropped it.
create schema if not exists MOVIELENS_DEV.PUBLIC with managed access;

use role ACCOUNTADMIN;
alter schema MOVIELENS_DEV.PUBLIC enable managed access;
revoke all privileges on database MOVIELENS_DEV from role PUBLIC;
revoke all privileges on schema MOVIELENS_DEV.PUBLIC from role PUBLIC;

grant usage on warehouse MOVIELENS_DEVELOPER to role MOVIELENS_DEVELOPER;
-- The role owns the schemas that it creates, and all that is in them.
grant usage, create schema on database MOVIELENS_DEV to role MOVIELENS_DEVELOPER;

-- To clone a table takes SELECT on it. A table's own stage takes owning the table, so files there
-- stay out of reach, as does the stage on S3.
grant usage on database MOVIELENS to role MOVIELENS_DEVELOPER;
grant usage on schema MOVIELENS.RAW to role MOVIELENS_DEVELOPER;
grant select on all tables in schema MOVIELENS.RAW to role MOVIELENS_DEVELOPER;
grant select on future tables in schema MOVIELENS.RAW to role MOVIELENS_DEVELOPER;
grant usage on schema MOVIELENS.STORE to role MOVIELENS_DEVELOPER;
grant select on all tables in schema MOVIELENS.STORE to role MOVIELENS_DEVELOPER;
grant select on future tables in schema MOVIELENS.STORE to role MOVIELENS_DEVELOPER;

-- For each developer, with a public key of theirs. Where they may log in from is for the account's
-- network policy to say. For somebody who has a user, the last line is enough.
--
-- create user if not exists ANNA
--   type = person
--   default_role = MOVIELENS_DEVELOPER
--   default_secondary_roles = ()
--   default_warehouse = MOVIELENS_DEVELOPER
--   default_namespace = MOVIELENS_DEV
--   prevent_unload_to_inline_url = true
--   rsa_public_key = 'PUBLIC KEY OF ANNA';
-- grant role MOVIELENS_DEVELOPER to user ANNA;
