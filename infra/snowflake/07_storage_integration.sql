-- Optional: Snowflake fetches rows from a prefix of the bucket that loads write to (MOVIELENS_STAGE,
-- MOVIELENS_STAGE_NAME); otherwise they go through Snowflake's internal stages. Run by: ACCOUNTADMIN.
--
-- Afterwards `describe integration MOVIELENS_STAGING` shows STORAGE_AWS_IAM_USER_ARN and
-- STORAGE_AWS_EXTERNAL_ID: two parameters of infra/aws/landing-zone.yaml.
use role ACCOUNTADMIN;

create storage integration if not exists MOVIELENS_STAGING
  type = external_stage
  storage_provider = 'S3'
  enabled = true
  storage_aws_role_arn = '<% ctx.env.staging_role_arn %>'
  storage_allowed_locations = ('s3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/');
alter storage integration MOVIELENS_STAGING set
  enabled = true
  storage_aws_role_arn = '<% ctx.env.staging_role_arn %>'
  storage_allowed_locations = ('s3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/');

create stage if not exists MOVIELENS.RAW.STAGING
  url = 's3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/'
  storage_integration = MOVIELENS_STAGING;
alter stage MOVIELENS.RAW.STAGING set
  url = 's3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/'
  storage_integration = MOVIELENS_STAGING;

-- The stage, not the integration, which would let the loader create a stage on any other prefix.
grant usage on stage MOVIELENS.RAW.STAGING to role MOVIELENS_LOADER;
