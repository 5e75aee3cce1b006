-- Everything each role of production may do. Run by: ACCOUNTADMIN (uses SECURITYADMIN).
-- docs/production.md shows the same as a table; tests/infra/test_grants.py compares them.
use role SECURITYADMIN;

-- The loader creates and owns the tables of RAW, and thereby their stages.
grant usage on warehouse MOVIELENS_PIPELINE to role MOVIELENS_LOADER;
grant usage on database MOVIELENS to role MOVIELENS_LOADER;
grant usage, create table on schema MOVIELENS.RAW to role MOVIELENS_LOADER;
grant select, update on table MOVIELENS.RAW._LEASE to role MOVIELENS_LOADER;

-- The transformer reads RAW and owns what it builds: tables in STORE, and views on them. Published
-- rows are tables in MARTS_STORE; in MARTS it creates views, which read the store with its
-- privileges, so readers need none there.
grant usage on warehouse MOVIELENS_PIPELINE to role MOVIELENS_TRANSFORMER;
grant usage on database MOVIELENS to role MOVIELENS_TRANSFORMER;
grant usage on schema MOVIELENS.RAW to role MOVIELENS_TRANSFORMER;
grant select on all tables in schema MOVIELENS.RAW to role MOVIELENS_TRANSFORMER;
grant select on future tables in schema MOVIELENS.RAW to role MOVIELENS_TRANSFORMER;
grant update on table MOVIELENS.RAW._LEASE to role MOVIELENS_TRANSFORMER;
grant usage, create table, create view on schema MOVIELENS.STORE to role MOVIELENS_TRANSFORMER;
grant usage, create view on schema MOVIELENS.ANALYTICS to role MOVIELENS_TRANSFORMER;
grant usage, create view on schema MOVIELENS.MARTS_CANDIDATE to role MOVIELENS_TRANSFORMER;
grant usage, create view on schema MOVIELENS.AUDIT to role MOVIELENS_TRANSFORMER;
grant usage, create table on schema MOVIELENS.MARTS_STORE to role MOVIELENS_TRANSFORMER;
grant usage, create view on schema MOVIELENS.MARTS to role MOVIELENS_TRANSFORMER;

-- The dashboard reads the views of MARTS. The future grant covers views that are replaced.
grant usage on warehouse MOVIELENS_DASHBOARD to role MOVIELENS_DASHBOARD;
grant usage on database MOVIELENS to role MOVIELENS_DASHBOARD;
grant usage on schema MOVIELENS.MARTS to role MOVIELENS_DASHBOARD;
grant select on all views in schema MOVIELENS.MARTS to role MOVIELENS_DASHBOARD;
grant select on future views in schema MOVIELENS.MARTS to role MOVIELENS_DASHBOARD;
