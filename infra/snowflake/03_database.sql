-- The database, its schemas, and the one table that no run creates. Run by: ACCOUNTADMIN (uses
-- SYSADMIN, who owns them).
use role SYSADMIN;

create database if not exists MOVIELENS
  comment = 'MovieLens Warehouse';

-- Managed access: only the schema's owner can grant a table, not the role that creates it.
create schema if not exists MOVIELENS.RAW with managed access;
create schema if not exists MOVIELENS.STORE with managed access;
create schema if not exists MOVIELENS.ANALYTICS with managed access;
create schema if not exists MOVIELENS.MARTS_CANDIDATE with managed access;
create schema if not exists MOVIELENS.AUDIT with managed access;
create schema if not exists MOVIELENS.MARTS_STORE with managed access;
create schema if not exists MOVIELENS.MARTS with managed access;
create schema if not exists MOVIELENS.ACCESS with managed access;
-- Snowflake creates PUBLIC with the database; this restores it if somebody dropped it.
create schema if not exists MOVIELENS.PUBLIC with managed access;

alter schema MOVIELENS.RAW set
  comment = 'Append-only rows as they arrived, and the manifest of current files';
alter schema MOVIELENS.STORE set
  comment = 'What builds have computed: a table for each model and fingerprint';
alter schema MOVIELENS.ANALYTICS set
  comment = 'Current sources, dimensions and facts';
alter schema MOVIELENS.MARTS_CANDIDATE set
  comment = 'Marts built but not yet audited';
alter schema MOVIELENS.AUDIT set
  comment = 'Rows that failed a test';
alter schema MOVIELENS.MARTS_STORE set
  comment = 'All retained published versions, append-only';
alter schema MOVIELENS.MARTS set
  comment = 'What readers see: secure views of the published versions';
alter schema MOVIELENS.ACCESS set
  comment = 'From where the service users log in, and how';

-- The lease of the active run. Created here because the loader and the transformer both write it, and
-- neither may own what the other writes. Each renews it in the transaction of its commit.
create table if not exists MOVIELENS.RAW._LEASE (
  fence bigint,
  holder varchar,
  home varchar,
  taken_at timestamp_tz,
  expires_at timestamp_tz,
  next_file_id bigint
);
-- Its one row: two runs that each inserted one could both hold the lease.
insert into MOVIELENS.RAW._LEASE (fence, next_file_id)
  select 0, 0 where not exists (select 1 from MOVIELENS.RAW._LEASE);

-- For schemas that already existed; changing them requires MANAGE GRANTS.
use role ACCOUNTADMIN;
alter schema MOVIELENS.RAW enable managed access;
alter schema MOVIELENS.STORE enable managed access;
alter schema MOVIELENS.ANALYTICS enable managed access;
alter schema MOVIELENS.MARTS_CANDIDATE enable managed access;
alter schema MOVIELENS.AUDIT enable managed access;
alter schema MOVIELENS.MARTS_STORE enable managed access;
alter schema MOVIELENS.MARTS enable managed access;
alter schema MOVIELENS.ACCESS enable managed access;
alter schema MOVIELENS.PUBLIC enable managed access;

-- What every new database grants to everyone.
revoke all privileges on database MOVIELENS from role PUBLIC;
revoke all privileges on schema MOVIELENS.PUBLIC from role PUBLIC;
