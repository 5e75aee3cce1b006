-- Two warehouses, each with its own credit limit. Run by: ACCOUNTADMIN (resource monitors require
-- it).
--
-- Loading and building share one: a warehouse bills at least a minute per start, and a build follows
-- its load at once. The dashboard has its own, so that visitors neither slow a run down nor spend
-- its credits.
use role ACCOUNTADMIN;

create resource monitor if not exists MOVIELENS_PIPELINE
  with credit_quota = <% ctx.env.pipeline_credits %> frequency = monthly
  start_timestamp = immediately;
alter resource monitor MOVIELENS_PIPELINE
  set credit_quota = <% ctx.env.pipeline_credits %>
  triggers on 80 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;

create resource monitor if not exists MOVIELENS_DASHBOARD
  with credit_quota = <% ctx.env.dashboard_credits %> frequency = monthly
  start_timestamp = immediately;
alter resource monitor MOVIELENS_DASHBOARD
  set credit_quota = <% ctx.env.dashboard_credits %>
  triggers on 80 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;

create warehouse if not exists MOVIELENS_PIPELINE
  warehouse_size = xsmall
  auto_suspend = 60
  initially_suspended = true;
alter warehouse MOVIELENS_PIPELINE set
  warehouse_size = <% ctx.env.pipeline_size %>
  auto_suspend = 60
  auto_resume = true
  resource_monitor = MOVIELENS_PIPELINE
  statement_timeout_in_seconds = 3600
  statement_queued_timeout_in_seconds = 600
  comment = 'Loads, builds, audits and publishes';

create warehouse if not exists MOVIELENS_DASHBOARD
  warehouse_size = xsmall
  auto_suspend = 60
  initially_suspended = true;
alter warehouse MOVIELENS_DASHBOARD set
  warehouse_size = xsmall
  auto_suspend = 60
  auto_resume = true
  resource_monitor = MOVIELENS_DASHBOARD
  statement_timeout_in_seconds = 30
  statement_queued_timeout_in_seconds = 30
  comment = 'Answers the dashboard';
