-- Optional: two stages on the bucket. Through STAGING Snowflake fetches the rows that loads put there
-- (MOVIELENS_STAGE, MOVIELENS_STAGE_NAME); otherwise they go through Snowflake's internal stages.
-- Through LANDING it loads plain files of the landing zone itself (MOVIELENS_READ_STAGE). Its role on
-- AWS reads both and writes neither. Run by: ACCOUNTADMIN.
--
-- Afterwards `describe integration MOVIELENS_STAGING` shows STORAGE_AWS_IAM_USER_ARN and
-- STORAGE_AWS_EXTERNAL_ID: two parameters of infra/aws/landing-zone.yaml.
use role ACCOUNTADMIN;

create storage integration if not exists MOVIELENS_STAGING
  type = external_stage
  storage_provider = 'S3'
  enabled = true
  storage_aws_role_arn = '<% ctx.env.staging_role_arn %>'
  storage_allowed_locations = (
    's3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/',
    's3://<% ctx.env.staging_bucket %>/<% ctx.env.landing_prefix %>/'
  );
alter storage integration MOVIELENS_STAGING set
  enabled = true
  storage_aws_role_arn = '<% ctx.env.staging_role_arn %>'
  storage_allowed_locations = (
    's3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/',
    's3://<% ctx.env.staging_bucket %>/<% ctx.env.landing_prefix %>/'
  );

create stage if not exists MOVIELENS.RAW.STAGING
  url = 's3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/'
  storage_integration = MOVIELENS_STAGING;
alter stage MOVIELENS.RAW.STAGING set
  url = 's3://<% ctx.env.staging_bucket %>/<% ctx.env.staging_prefix %>/'
  storage_integration = MOVIELENS_STAGING;

create stage if not exists MOVIELENS.RAW.LANDING
  url = 's3://<% ctx.env.staging_bucket %>/<% ctx.env.landing_prefix %>/'
  storage_integration = MOVIELENS_STAGING;
alter stage MOVIELENS.RAW.LANDING set
  url = 's3://<% ctx.env.staging_bucket %>/<% ctx.env.landing_prefix %>/'
  storage_integration = MOVIELENS_STAGING;

-- The stages, not the integration, which would let the loader create a stage on any other prefix.
grant usage on stage MOVIELENS.RAW.STAGING to role MOVIELENS_LOADER;
grant usage on stage MOVIELENS.RAW.LANDING to role MOVIELENS_LOADER;
