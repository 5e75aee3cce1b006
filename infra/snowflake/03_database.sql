-- The database, its schemas, and the one table that is not made by a run. Run by: ACCOUNTADMIN
-- (uses SYSADMIN, who owns them).
use role SYSADMIN;

create database if not exists MOVIELENS
  comment = 'MovieLens Warehouse';

-- Managed access: who makes a table here cannot grant it to anybody; the owner of the schema can.
create schema if not exists MOVIELENS.RAW with managed access;
create schema if not exists MOVIELENS.ANALYTICS with managed access;
create schema if not exists MOVIELENS.MARTS_CANDIDATE with managed access;
create schema if not exists MOVIELENS.AUDIT with managed access;
create schema if not exists MOVIELENS.MARTS_STORE with managed access;
create schema if not exists MOVIELENS.MARTS with managed access;
-- Snowflake makes it with the database; here in case that somebody has dropped it.
create schema if not exists MOVIELENS.PUBLIC with managed access;

alter schema MOVIELENS.RAW set
  comment = 'Append-only rows as they arrived, and the manifest that says which count';
alter schema MOVIELENS.ANALYTICS set
  comment = 'What counts now: sources, dimensions, facts';
alter schema MOVIELENS.MARTS_CANDIDATE set
  comment = 'Marts that are built and not yet audited';
alter schema MOVIELENS.AUDIT set
  comment = 'Rows that failed a test';
alter schema MOVIELENS.MARTS_STORE set
  comment = 'Every published version that is kept, append-only';
alter schema MOVIELENS.MARTS set
  comment = 'What readers see: secure views of the published versions';

-- Here, because the loader and the transformer both write it, and neither may own what the other
-- writes: the lease of the run at work. Each extends it in the transaction of its own commit.
create table if not exists MOVIELENS.RAW._LEASE (
  fence bigint,
  holder varchar,
  home varchar,
  taken_at timestamp_tz,
  expires_at timestamp_tz,
  next_file_id bigint
);

-- Also for schemas that were there before; to change them needs the right to manage grants.
use role ACCOUNTADMIN;
alter schema MOVIELENS.RAW enable managed access;
alter schema MOVIELENS.ANALYTICS enable managed access;
alter schema MOVIELENS.MARTS_CANDIDATE enable managed access;
alter schema MOVIELENS.AUDIT enable managed access;
alter schema MOVIELENS.MARTS_STORE enable managed access;
alter schema MOVIELENS.MARTS enable managed access;
alter schema MOVIELENS.PUBLIC enable managed access;

-- Whatever a new database gives to everyone.
revoke all privileges on database MOVIELENS from role PUBLIC;
revoke all privileges on schema MOVIELENS.PUBLIC from role PUBLIC;
