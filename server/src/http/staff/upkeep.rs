//! The night's work on demand: purge, telling of erasures, giving space back, reading everything again, a backup.

use super::IsStaff;
use crate::app::alerts::renewal::{self, Looked};
use crate::app::{self, App, maintenance, retention};
use crate::backup::{BackedUp, BackupError};
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, StrictJson, StrictQuery};
use assent_core::wire::PurgeRequest;
use assent_ledger::PurgePlan;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a purge did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Purged {
    /// Records that go, by the month at whose end they go: the last whole one before each was due, as `2029-11`.
    pub purged: BTreeMap<String, u64>,
    /// Records that are kept longer after all: carried over to a later month.
    pub carried: u64,
    /// Records that are held or restricted: carried over.
    pub held: u64,
    /// Months that are over and stay, because a record that is or may be in them cannot be read; the check names it.
    pub blocked: BTreeSet<String>,
}

impl From<PurgePlan> for Purged {
    fn from(PurgePlan { purged, carried, held, blocked }: PurgePlan) -> Self {
        Self { purged, carried, held, blocked }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checked {
    /// Entries that were read again.
    pub entries: u64,
    /// Records that were opened and give their leaves.
    pub records: u64,
    /// Documents that give their leaves.
    pub documents: u64,
    /// Tombstones.
    pub gone: u64,
    /// Records that are restricted, so that they were not opened.
    pub restricted: u64,
    /// The first thing that is wrong; nothing when all is well.
    pub wrong: Option<String>,
}

/// What a look for alerts that end by themselves did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertsEnded {
    /// Records of an end that were written.
    pub ended: u64,
    /// Reminders that wait to be sent.
    pub reminded: u64,
}

/// What reclaiming did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SpaceReclaimed {
    /// Bytes on disk before.
    pub before: u64,
    /// Bytes on disk afterwards.
    pub after: u64,
    /// Rows whose tombstones took their place.
    pub rows: u64,
}

fn answer(done: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(done)).into_response()
}

/// Purge what is due, or only say what is.
#[utoipa::path(
    post, path = "/v1/{site}/purge", tag = "Staff", request_body = crate::http::schema::PurgeRequest, security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "Done.", body = Purged),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn purge(
    _: IsStaff,
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    StrictJson(PurgeRequest { dry_run }): StrictJson<PurgeRequest>,
) -> Result<Response, Problem> {
    let work = move || retention::purge(&app.sites, &site, dry_run, app::now(), &mut |_| ());
    let plan = app::blocking(work).await?.map_err(Problem::from)?;
    Ok(answer(Purged::from(plan)))
}

/// Record the end of alerts whose time is over, and remind of those that end soon. Done every night by itself.
#[utoipa::path(
    post, path = "/v1/{site}/end-alerts", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "Done.", body = AlertsEnded),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn end_alerts(
    _: IsStaff,
    State(app): State<Arc<App>>,
    InSite(site): InSite,
) -> Result<Response, Problem> {
    let Looked { ended, reminded } = renewal::look(&site, app::now()).await.map_err(Problem::from)?;
    app.outbox.wake();
    Ok(answer(AlertsEnded { ended, reminded }))
}

/// Append the leaf that tells of erasures which none tells of yet. Done every night by itself.
#[utoipa::path(
    post, path = "/v1/{site}/tell-erasures", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "How many were told.", body = u64),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn tell_erasures(_: IsStaff, InSite(site): InSite) -> Result<Response, Problem> {
    Ok(answer(site.ledger.tell_erasures().await.map_err(Problem::from)?))
}

/// Read everything in a site's log again. Takes a while; reads and decisions go on.
#[utoipa::path(
    post, path = "/v1/{site}/fsck", tag = "Staff", security(("staff" = [])),
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "What was found.", body = Checked),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn fsck(
    _: IsStaff,
    State(app): State<Arc<App>>,
    InSite(site): InSite,
) -> Result<Response, Problem> {
    let checked = app::blocking(move || maintenance::fsck(&app, &site, &mut |_| ())).await?;
    let (report, wrong) = match checked {
        Ok(report) => (report, None),
        Err(error) => (assent_ledger::CheckReport::default(), Some(assent_ledger::causes(&error))),
    };
    let assent_ledger::CheckReport { entries, records, documents, gone, restricted, .. } = report;
    Ok(answer(Checked { entries, records, documents, gone, restricted, wrong }))
}

/// Give space back. Takes a while, and room for a second store; reads and decisions go on.
#[utoipa::path(
    post, path = "/v1/reclaim", tag = "Staff", security(("staff" = [])),
    responses((status = 200, description = "Done.", body = SpaceReclaimed),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn reclaim(_: IsStaff, State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let done = app::blocking(move || app.sites.reclaim()).await?.map_err(Problem::internal)?;
    Ok(answer(SpaceReclaimed { before: done.before, after: done.after, rows: done.rows }))
}

/// How a backup is made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BackupQuery {
    #[serde(default)]
    fewer: bool,
}

/// Add a backup of everything to `backup.dir`. Takes a while; reads and decisions go on.
#[utoipa::path(
    post, path = "/v1/backup", tag = "Staff", security(("staff" = [])),
    params(("fewer" = Option<bool>, Query, description = "It is meant that sites or entries are fewer than in the newest backup, or others; otherwise such a backup is refused.")),
    responses((status = 200, description = "Done.", body = BackedUp),
        (status = 400, description = "`bad-query`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`no-backup`: why.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn backup(
    _: IsStaff,
    State(app): State<Arc<App>>,
    StrictQuery(query): StrictQuery<BackupQuery>,
) -> Result<Response, Problem> {
    use BackupError::{Busy, Fewer, Lost, NoFolder, Other, SiteFile};
    match app::blocking(move || maintenance::back_up(&app, query.fewer)).await? {
        Ok(done) => Ok(answer(done)),
        Err(error @ (NoFolder | Busy(_) | Fewer { .. } | Other { .. } | Lost(_) | SiteFile(_))) => {
            Err(Problem::with(Code::NoBackup, error.to_string()))
        }
        Err(error) => Err(Problem::internal(error)),
    }
}
