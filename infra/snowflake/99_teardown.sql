-- Removes everything the other files created, and all data loaded and published. Run by: ACCOUNTADMIN.
-- For a day, `undrop database MOVIELENS` restores the data; 01 to 05 restore the grants. Users of
-- developers stay: they are theirs.
use role ACCOUNTADMIN;

drop user if exists MOVIELENS_LOADER;
drop user if exists MOVIELENS_TRANSFORMER;
drop user if exists MOVIELENS_DASHBOARD;
drop network policy if exists MOVIELENS_PIPELINE;
drop network policy if exists MOVIELENS_DASHBOARD;
drop database if exists MOVIELENS;
drop database if exists MOVIELENS_DEV;
drop integration if exists MOVIELENS_STAGING;
drop warehouse if exists MOVIELENS_PIPELINE;
drop warehouse if exists MOVIELENS_DASHBOARD;
drop warehouse if exists MOVIELENS_DEVELOPER;
drop resource monitor if exists MOVIELENS_PIPELINE;
drop resource monitor if exists MOVIELENS_DASHBOARD;
drop resource monitor if exists MOVIELENS_DEVELOPER;
drop role if exists MOVIELENS_LOADER;
drop role if exists MOVIELENS_TRANSFORMER;
drop role if exists MOVIELENS_DASHBOARD;
drop role if exists MOVIELENS_DEVELOPER;
