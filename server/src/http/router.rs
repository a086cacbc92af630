//! Every address in one place. ARCHITECTURE.md says what each is for, `/reference` how to use it.

use super::error::{Code, Problem};
use super::{cors, headers, ops, pages, public, staff};
use crate::app::App;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, get, post, put};
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// The whole service.
pub fn router(app: Arc<App>) -> Router {
    with(app, post(public::decisions::decide), post(staff::may::ask), post(staff::may::ask_bulk))
}

/// The whole service, but decisions are checked and answered without being recorded, and "may we?" without a look at anything. For
/// measuring: the `assent` command has no way to it.
#[cfg(feature = "no-storage")]
pub fn without_storage(app: Arc<App>) -> Router {
    with(
        app,
        post(public::decisions::check_only),
        post(staff::may::constant),
        post(staff::may::constant_bulk),
    )
}

fn with(
    app: Arc<App>,
    decisions: MethodRouter<Arc<App>>,
    may: MethodRouter<Arc<App>>,
    may_bulk: MethodRouter<Arc<App>>,
) -> Router {
    let limited = Router::new()
        .route("/", get(pages::root::page))
        .route("/v1/{site}/embed.js", get(public::embed::embed))
        .route("/v1/{site}/embed/{file}", get(public::embed::pinned))
        .route("/v1/{site}/alerts.js", get(public::embed::alerts))
        .route("/v1/{site}/layers/{file}", get(public::embed::layers))
        .route("/v1/assent.d.ts", get(public::assets::types))
        .route("/v1/assets/{hash}/{file}", get(public::assets::asset))
        .route("/v1/{site}/notices/current", get(public::notices::current))
        .route("/v1/{site}/notices/{hash}", get(public::notices::by_hash))
        .route("/v1/{site}/decisions", decisions)
        .route("/v1/{site}/receipts/{id}", get(public::receipts::receipt))
        .route("/v1/{site}/state", get(public::state::state))
        .route("/v1/{site}/choices", get(pages::choices::page).post(pages::choices::post))
        .route("/v1/{site}/hand-over", post(pages::hand_over::show))
        .route("/v1/{site}/hand-over/take", post(pages::hand_over::take))
        .route("/v1/{site}/alerts", get(pages::alerts::page).post(pages::alerts::post))
        .route("/v1/{site}/confirm/{link}", get(pages::confirm::page).post(pages::confirm::post))
        .route("/v1/{site}/code", get(pages::code::page).post(pages::code::post))
        .route("/v1/{site}/texts/in", post(public::texts::heard))
        .route("/v1/{site}/keep/{link}", get(pages::keep::page).post(pages::keep::post))
        .route("/v1/{site}/stop/{link}", get(pages::stop::page).post(pages::stop::post))
        .route("/v1/{site}/your-alerts", get(pages::your_alerts::ask).post(pages::your_alerts::send))
        .route("/v1/{site}/your-alerts/{link}", get(pages::your_alerts::page).post(pages::your_alerts::post))
        .route("/v1/{site}/your-alerts/{link}/receipts.zip", get(pages::your_alerts::receipts))
        .route("/v1/{site}/your-alerts/{link}/receipts/{id}", get(pages::your_alerts::receipt))
        .route("/v1/{site}/may", may)
        .route("/v1/{site}/may/bulk", may_bulk)
        .route("/v1/{site}/texts", get(staff::texts::list))
        .route("/v1/{site}/texts/done", post(staff::texts::is_done))
        .route("/v1/{site}/to-contact", get(staff::talk::list))
        .route("/v1/{site}/contacted", post(staff::talk::done))
        .route("/v1/{site}/told", post(staff::told::one))
        .route("/v1/{site}/told/rows", post(staff::told::rows))
        .route("/v1/{site}/bounced", post(staff::texts::bounce))
        .route("/v1/{site}/webhooks", get(staff::webhooks::list))
        .route("/v1/{site}/webhooks/redeliver", post(staff::webhooks::redeliver))
        .route("/v1/{site}/webhooks/enable", post(staff::webhooks::enable))
        .route("/v1/{site}/people/erase", post(staff::people::erase))
        .route("/v1/{site}/people/restrict", post(staff::people::restrict))
        .route("/v1/{site}/people/release", post(staff::people::release))
        .route("/v1/{site}/people/hold", post(staff::people::hold))
        .route("/v1/{site}/people/let-go", post(staff::people::let_go))
        .route("/v1/{site}/people/holds", get(staff::people::holds))
        .route("/v1/{site}/tell-erasures", post(staff::upkeep::tell_erasures))
        .route("/v1/{site}/site-file", put(staff::site_file::put))
        .route("/v1/{site}/schedule", get(pages::schedule::page))
        .route("/v1/{site}/schedule.csv", get(pages::schedule::table))
        .route("/v1/{site}/log", get(pages::log::page))
        .route("/v1/{site}/log/key", get(public::log::key))
        .route("/v1/{site}/log/checkpoint", get(public::log::checkpoint))
        .route("/v1/{site}/log/tile/{*path}", get(public::log::tile))
        .route("/healthz", get(ops::health::healthz))
        .route("/readyz", get(ops::health::readyz))
        .route("/metrics", get(ops::metrics::metrics))
        .route("/openapi.json", get(ops::reference::document))
        .route("/reference", get(ops::reference::page))
        .route("/problems/{code}", get(pages::problems::page))
        .route("/schemas/{file}", get(ops::schemas::file))
        .route_layer(from_fn_with_state(Arc::clone(&app), headers::limit_time));
    // An export lasts as long as its receiver needs, and upkeep as long as there is much to read.
    let unlimited = Router::new()
        .route("/v1/{site}/export", get(staff::export::export))
        .route("/v1/{site}/people/export", post(staff::export::of_person))
        .route("/v1/{site}/may/list", get(staff::lists::of_topic))
        .route("/v1/{site}/suppressed", get(staff::lists::of_suppressed))
        .route("/v1/{site}/end-alerts", post(staff::upkeep::end_alerts))
        .route("/v1/{site}/purge", post(staff::upkeep::purge))
        .route("/v1/{site}/fsck", post(staff::upkeep::fsck))
        .route("/v1/reclaim", post(staff::upkeep::reclaim))
        .route("/v1/backup", post(staff::upkeep::backup));
    limited
        .merge(unlimited)
        .method_not_allowed_fallback(async || Problem::from(Code::WrongMethod))
        .fallback(async || Problem::from(Code::NotFound))
        .layer(from_fn_with_state(Arc::clone(&app), pages::missing::page))
        .layer(cors::layer(Arc::clone(&app)))
        .layer(CatchPanicLayer::custom(|_| Problem::from(Code::Internal).into_response()))
        .layer(from_fn_with_state(Arc::clone(&app), headers::secure))
        .layer(from_fn_with_state(Arc::clone(&app), headers::observe))
        .with_state(app)
}
