-- Recommended: the scheduled run on GitHub logs in with a token that GitHub signs for it, and no key of
-- the pipeline is stored anywhere. Run by: ACCOUNTADMIN, after 05_users.sql; running that file again
-- restores the keys.
--
-- One job uses both users; its tokens for them differ only in audience.
use role ACCOUNTADMIN;

-- GitHub's runners: every customer's. So it takes a token that only one environment of one repository
-- gets; a stolen key would do from there, too.
alter network policy MOVIELENS_PIPELINE set
  allowed_network_rule_list = ('SNOWFLAKE.NETWORK_SECURITY.GITHUBACTIONS_GLOBAL');

create or alter authentication policy MOVIELENS.ACCESS.LOADER
  authentication_methods = ('WORKLOAD_IDENTITY')
  client_types = ('DRIVERS')
  mfa_enrollment = 'OPTIONAL'
  workload_identity_policy = (
    allowed_providers = (oidc)
    allowed_oidc_issuers = ('https://token.actions.githubusercontent.com')
  );
alter user MOVIELENS_LOADER set workload_identity = (
  type = oidc
  issuer = 'https://token.actions.githubusercontent.com'
  subject = 'repo:<% ctx.env.github_repository %>:environment:<% ctx.env.github_environment %>'
  oidc_audience_list = ('movielens-loader')
);
alter user MOVIELENS_LOADER unset rsa_public_key;

create or alter authentication policy MOVIELENS.ACCESS.TRANSFORMER
  authentication_methods = ('WORKLOAD_IDENTITY')
  client_types = ('DRIVERS')
  mfa_enrollment = 'OPTIONAL'
  workload_identity_policy = (
    allowed_providers = (oidc)
    allowed_oidc_issuers = ('https://token.actions.githubusercontent.com')
  );
alter user MOVIELENS_TRANSFORMER set workload_identity = (
  type = oidc
  issuer = 'https://token.actions.githubusercontent.com'
  subject = 'repo:<% ctx.env.github_repository %>:environment:<% ctx.env.github_environment %>'
  oidc_audience_list = ('movielens-transformer')
);
alter user MOVIELENS_TRANSFORMER unset rsa_public_key;
