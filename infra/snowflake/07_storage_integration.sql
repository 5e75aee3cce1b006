-- Optional: Snowflake reads one prefix of the bucket by itself. Only for a load that goes through
-- an S3 stage; without it, files go through Snowflake's own stages. Run by: ACCOUNTADMIN.
--
-- Afterwards `describe integration MOVIELENS_LANDING` shows STORAGE_AWS_IAM_USER_ARN and
-- STORAGE_AWS_EXTERNAL_ID: two parameters of infra/aws/landing-zone.yaml.
use role ACCOUNTADMIN;

create storage integration if not exists MOVIELENS_LANDING
  type = external_stage
  storage_provider = 'S3'
  enabled = true
  storage_aws_role_arn = '<% ctx.env.landing_role_arn %>'
  storage_allowed_locations = ('s3://<% ctx.env.landing_bucket %>/<% ctx.env.landing_prefix %>/');
alter storage integration MOVIELENS_LANDING set
  enabled = true
  storage_aws_role_arn = '<% ctx.env.landing_role_arn %>'
  storage_allowed_locations = ('s3://<% ctx.env.landing_bucket %>/<% ctx.env.landing_prefix %>/');

create stage if not exists MOVIELENS.RAW.LANDING
  url = 's3://<% ctx.env.landing_bucket %>/<% ctx.env.landing_prefix %>/'
  storage_integration = MOVIELENS_LANDING;
alter stage MOVIELENS.RAW.LANDING set
  url = 's3://<% ctx.env.landing_bucket %>/<% ctx.env.landing_prefix %>/'
  storage_integration = MOVIELENS_LANDING;

-- The stage, not the integration: with that, the loader could make a stage on any other prefix.
grant usage on stage MOVIELENS.RAW.LANDING to role MOVIELENS_LOADER;
