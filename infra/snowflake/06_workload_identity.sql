-- Optional: the scheduled run on GitHub logs in with the token that GitHub signs for it, and no
-- key is kept anywhere. Run by: ACCOUNTADMIN, after 05_users.sql; running that one again
-- would bring the keys back.
--
-- Both users are used in one job, whose tokens differ in their audience only.
use role ACCOUNTADMIN;

alter user MOVIELENS_LOADER set workload_identity = (
  type = oidc
  issuer = 'https://token.actions.githubusercontent.com'
  subject = 'repo:<% ctx.env.github_repository %>:environment:<% ctx.env.github_environment %>'
  oidc_audience_list = ('movielens-loader')
);
alter user MOVIELENS_LOADER unset rsa_public_key;

alter user MOVIELENS_TRANSFORMER set workload_identity = (
  type = oidc
  issuer = 'https://token.actions.githubusercontent.com'
  subject = 'repo:<% ctx.env.github_repository %>:environment:<% ctx.env.github_environment %>'
  oidc_audience_list = ('movielens-transformer')
);
alter user MOVIELENS_TRANSFORMER unset rsa_public_key;
