-- Optional: the scheduled run on GitHub logs in with a token that GitHub signs for it, and no key is
-- stored anywhere. Run by: ACCOUNTADMIN, after 05_users.sql; running that file again restores the
-- keys.
--
-- One job uses both users; its tokens for them differ only in audience.
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
