-- Three roles, one per kind of work of production. Run by: ACCOUNTADMIN (uses SECURITYADMIN).
use role SECURITYADMIN;

create role if not exists MOVIELENS_LOADER
  comment = 'Writes RAW, and nothing else';
create role if not exists MOVIELENS_TRANSFORMER
  comment = 'Reads RAW, builds and publishes';
create role if not exists MOVIELENS_DASHBOARD
  comment = 'Reads the published marts, and nothing else';

-- Lets administrators see and repair what these roles own. None of the three holds another.
grant role MOVIELENS_LOADER to role SYSADMIN;
grant role MOVIELENS_TRANSFORMER to role SYSADMIN;
grant role MOVIELENS_DASHBOARD to role SYSADMIN;
