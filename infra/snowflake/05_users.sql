-- One service user per role, with its own key and only that role; from where each logs in, and how.
-- Run by: ACCOUNTADMIN (who also sees the network rules that Snowflake maintains).
-- 06_workload_identity.sql replaces the keys of the pipeline's users.
use role ACCOUNTADMIN;

-- A network policy with addresses of its own would have an empty list of rules, which Snowflake's
-- documented syntax does not allow; an empty list of addresses it does.
create or alter network rule MOVIELENS.ACCESS.PIPELINE
  type = ipv4
  value_list = (<% ctx.env.pipeline_addresses %>)
  mode = ingress;
create or alter network rule MOVIELENS.ACCESS.DASHBOARD
  type = ipv4
  value_list = (<% ctx.env.dashboard_addresses %>)
  mode = ingress;

create network policy if not exists MOVIELENS_PIPELINE
  allowed_network_rule_list = ('MOVIELENS.ACCESS.PIPELINE');
alter network policy MOVIELENS_PIPELINE set
  allowed_network_rule_list = ('MOVIELENS.ACCESS.PIPELINE')
  allowed_ip_list = ();
create network policy if not exists MOVIELENS_DASHBOARD
  allowed_network_rule_list = ('MOVIELENS.ACCESS.DASHBOARD');
alter network policy MOVIELENS_DASHBOARD set
  allowed_network_rule_list = ('MOVIELENS.ACCESS.DASHBOARD')
  allowed_ip_list = ();

-- With its key and from a driver, in no other way: without this, a programmatic access token would do,
-- and would outlive the key. A policy without Snowsight may not ask for a second factor, which some
-- accounts do unless told; a service has none.
create or alter authentication policy MOVIELENS.ACCESS.LOADER
  authentication_methods = ('KEYPAIR')
  client_types = ('DRIVERS')
  mfa_enrollment = 'OPTIONAL';
create or alter authentication policy MOVIELENS.ACCESS.TRANSFORMER
  authentication_methods = ('KEYPAIR')
  client_types = ('DRIVERS')
  mfa_enrollment = 'OPTIONAL';
create or alter authentication policy MOVIELENS.ACCESS.DASHBOARD
  authentication_methods = ('KEYPAIR')
  client_types = ('DRIVERS')
  mfa_enrollment = 'OPTIONAL';

-- TYPE = SERVICE: no password and no browser sign-in, ever. No secondary roles: Snowflake's default is
-- all of them, so a role granted by mistake would take effect at once. No unloading: a stolen key must
-- not copy tables into a bucket or a stage. Time zone, timestamps, transactions and locks are set, so
-- that the account's defaults do not matter.
create user if not exists MOVIELENS_LOADER type = service;
alter user MOVIELENS_LOADER set
  type = service
  default_role = MOVIELENS_LOADER
  default_secondary_roles = ()
  default_warehouse = MOVIELENS_PIPELINE
  default_namespace = MOVIELENS.RAW
  network_policy = MOVIELENS_PIPELINE
  rsa_public_key = '<% ctx.env.loader_public_key %>'
  prevent_unload_to_inline_url = true
  prevent_unload_to_internal_stages = true
  timezone = 'UTC'
  timestamp_type_mapping = timestamp_ntz
  autocommit = true
  lock_timeout = 600
  statement_timeout_in_seconds = 3600
  statement_queued_timeout_in_seconds = 600
  comment = 'Loads RAW';
alter user MOVIELENS_LOADER set authentication policy MOVIELENS.ACCESS.LOADER force;
alter user MOVIELENS_LOADER unset rsa_public_key_2;
alter user MOVIELENS_LOADER unset workload_identity;
grant role MOVIELENS_LOADER to user MOVIELENS_LOADER;

create user if not exists MOVIELENS_TRANSFORMER type = service;
alter user MOVIELENS_TRANSFORMER set
  type = service
  default_role = MOVIELENS_TRANSFORMER
  default_secondary_roles = ()
  default_warehouse = MOVIELENS_PIPELINE
  default_namespace = MOVIELENS.ANALYTICS
  network_policy = MOVIELENS_PIPELINE
  rsa_public_key = '<% ctx.env.transformer_public_key %>'
  prevent_unload_to_inline_url = true
  prevent_unload_to_internal_stages = true
  timezone = 'UTC'
  timestamp_type_mapping = timestamp_ntz
  autocommit = true
  lock_timeout = 600
  statement_timeout_in_seconds = 3600
  statement_queued_timeout_in_seconds = 600
  comment = 'Builds, audits and publishes';
alter user MOVIELENS_TRANSFORMER set authentication policy MOVIELENS.ACCESS.TRANSFORMER force;
alter user MOVIELENS_TRANSFORMER unset rsa_public_key_2;
alter user MOVIELENS_TRANSFORMER unset workload_identity;
grant role MOVIELENS_TRANSFORMER to user MOVIELENS_TRANSFORMER;

create user if not exists MOVIELENS_DASHBOARD type = service;
alter user MOVIELENS_DASHBOARD set
  type = service
  default_role = MOVIELENS_DASHBOARD
  default_secondary_roles = ()
  default_warehouse = MOVIELENS_DASHBOARD
  default_namespace = MOVIELENS.MARTS
  network_policy = MOVIELENS_DASHBOARD
  rsa_public_key = '<% ctx.env.dashboard_public_key %>'
  prevent_unload_to_inline_url = true
  prevent_unload_to_internal_stages = true
  timezone = 'UTC'
  timestamp_type_mapping = timestamp_ntz
  autocommit = true
  lock_timeout = 30
  statement_timeout_in_seconds = 30
  statement_queued_timeout_in_seconds = 30
  comment = 'Reads the published marts';
alter user MOVIELENS_DASHBOARD set authentication policy MOVIELENS.ACCESS.DASHBOARD force;
alter user MOVIELENS_DASHBOARD unset rsa_public_key_2;
alter user MOVIELENS_DASHBOARD unset workload_identity;
grant role MOVIELENS_DASHBOARD to user MOVIELENS_DASHBOARD;
