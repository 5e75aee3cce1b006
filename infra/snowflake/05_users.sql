-- One service user per role, with its own key and only that role. Run by: ACCOUNTADMIN (who also
-- sees the network rules that Snowflake maintains). 06_workload_identity.sql replaces the keys of the
-- pipeline's users.
use role ACCOUNTADMIN;

create network policy if not exists MOVIELENS_PIPELINE <% ctx.env.pipeline_network %>;
alter network policy MOVIELENS_PIPELINE set <% ctx.env.pipeline_network %>;
create network policy if not exists MOVIELENS_DASHBOARD <% ctx.env.dashboard_network %>;
alter network policy MOVIELENS_DASHBOARD set <% ctx.env.dashboard_network %>;

-- TYPE = SERVICE: no password and no browser sign-in, ever. No secondary roles: Snowflake's default is
-- all of them, so a role granted by mistake would take effect at once. The key is the only way to
-- log in.
create user if not exists MOVIELENS_LOADER type = service;
alter user MOVIELENS_LOADER set
  type = service
  default_role = MOVIELENS_LOADER
  default_secondary_roles = ()
  default_warehouse = MOVIELENS_PIPELINE
  default_namespace = MOVIELENS.RAW
  network_policy = MOVIELENS_PIPELINE
  rsa_public_key = '<% ctx.env.loader_public_key %>'
  statement_timeout_in_seconds = 3600
  statement_queued_timeout_in_seconds = 600
  comment = 'Loads RAW';
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
  statement_timeout_in_seconds = 3600
  statement_queued_timeout_in_seconds = 600
  comment = 'Builds, audits and publishes';
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
  statement_timeout_in_seconds = 30
  statement_queued_timeout_in_seconds = 30
  comment = 'Reads the published marts';
alter user MOVIELENS_DASHBOARD unset rsa_public_key_2;
alter user MOVIELENS_DASHBOARD unset workload_identity;
grant role MOVIELENS_DASHBOARD to user MOVIELENS_DASHBOARD;
