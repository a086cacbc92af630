//! The OpenAPI 3.1 document, made from the handlers.

use super::{ops, pages, public, schema, staff};
use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Assent",
        description = "Cookie consent that people can check. `{site}` is a site's id. Errors are RFC 9457 problems with a stable \
            `code`; each answer lists its codes. Bodies refuse unknown fields. Times are RFC 3339 in UTC.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "Decisions", description = "What visitors decide, and their receipts."),
        (name = "Alerts", description = "Signing up for email and text alerts."),
        (name = "Notices", description = "What people were told and asked, for ever."),
        (name = "Embed", description = "What the site's pages load."),
        (name = "Pages", description = "Pages for people, complete without script."),
        (name = "Log", description = "The log's public files: C2SP tlog-tiles."),
        (name = "Staff", description = "With the staff token as bearer token."),
        (name = "Operations", description = "Health, metrics and this reference.")
    ),
    paths(
        public::decisions::decide,
        public::receipts::receipt,
        public::state::state,
        public::notices::current,
        public::notices::by_hash,
        public::embed::embed,
        public::embed::alerts,
        public::embed::pinned,
        public::embed::layers,
        public::assets::asset,
        public::assets::types,
        public::log::key,
        public::log::checkpoint,
        public::log::tile,
        pages::choices::page,
        pages::choices::post,
        pages::hand_over::show,
        pages::hand_over::take,
        pages::alerts::page,
        pages::alerts::post,
        pages::confirm::page,
        pages::confirm::post,
        pages::code::page,
        pages::code::post,
        public::texts::heard,
        pages::keep::page,
        pages::keep::post,
        pages::stop::page,
        pages::stop::post,
        pages::your_alerts::ask,
        pages::your_alerts::send,
        pages::your_alerts::page,
        pages::your_alerts::post,
        pages::your_alerts::receipts,
        pages::your_alerts::receipt,
        pages::log::page,
        pages::schedule::page,
        pages::schedule::table,
        pages::problems::page,
        pages::root::page,
        staff::may::ask,
        staff::may::ask_bulk,
        staff::texts::list,
        staff::texts::is_done,
        staff::texts::bounce,
        staff::webhooks::list,
        staff::webhooks::redeliver,
        staff::webhooks::enable,
        staff::talk::list,
        staff::talk::done,
        staff::told::one,
        staff::told::rows,
        staff::lists::of_topic,
        staff::lists::of_suppressed,
        staff::export::export,
        staff::export::of_person,
        staff::people::erase,
        staff::people::restrict,
        staff::people::release,
        staff::people::hold,
        staff::people::let_go,
        staff::people::holds,
        staff::upkeep::end_alerts,
        staff::upkeep::purge,
        staff::upkeep::tell_erasures,
        staff::upkeep::fsck,
        staff::upkeep::reclaim,
        staff::upkeep::backup,
        staff::site_file::put,
        ops::health::healthz,
        ops::health::readyz,
        ops::metrics::metrics,
        ops::reference::document,
        ops::reference::page,
        ops::schemas::file,
    ),
    components(schemas(schema::Problem, schema::Event)),
    modifiers(&StaffToken)
)]
struct Api;

struct StaffToken;

impl Modify for StaffToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The staff token.")).build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("staff", SecurityScheme::Http(bearer));
        codes_of_each_answer(document);
    }
}

/// Lists each answer's problem codes for programs, from its description's words in backticks.
fn codes_of_each_answer(document: &mut utoipa::openapi::OpenApi) {
    use utoipa::openapi::RefOr;
    let operations = document.paths.paths.values_mut().flat_map(|item| {
        [&mut item.get, &mut item.post, &mut item.put].into_iter().filter_map(|operation| operation.as_mut())
    });
    for response in operations.flat_map(|operation| operation.responses.responses.values_mut()) {
        let RefOr::T(response) = response else { continue };
        let known = |word: &&str| super::error::Code::ALL.iter().any(|code| code.as_str() == *word);
        let codes: Vec<&str> = response.description.split('`').filter(known).collect();
        if !codes.is_empty() {
            let extension =
                utoipa::openapi::extensions::Extensions::builder().add("x-problem-codes", codes.clone());
            response.extensions = Some(extension.build());
        }
    }
}
