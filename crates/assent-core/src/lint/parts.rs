//! Rules of what a purpose is: its route, its parties, its storage and the tools that follow it. Its words are not read here.

use super::{Say, phrases};
use crate::choice_cookie::COOKIE_NAME;
use crate::notice::{
    Asked, GoogleKey, Notice, Purpose, RecipientRole, Route, SoftOptInKind, StorageItem, StorageKind, Tool,
};
use alloc::format;

pub(super) fn purpose(notice: &Notice, purpose: &Purpose, say: &mut Say<'_>) {
    let place = format!("purposes.{}", purpose.id);
    let is_read_by_others = |item: &&StorageItem| item.read_by != "controller";
    let unnamed =
        |item: &&StorageItem| is_read_by_others(item) && !purpose.recipients.contains(&item.read_by);
    if purpose.is_choice() && purpose.storage.iter().any(|item| unnamed(&item)) {
        let message = "List who reads the storage among the purpose's recipients.";
        say("party-missing", place.clone(), message);
    }
    let has_role = |wanted: &[RecipientRole]| {
        let mut roles =
            purpose.recipients.iter().filter_map(|id| notice.recipients.get(id)).map(|it| it.role);
        roles.any(|role| wanted.contains(&role))
    };
    match purpose.route {
        Route::Necessary => {
            necessary(purpose, has_role(&[RecipientRole::Joint, RecipientRole::Independent]), say);
        }
        Route::Statistics => statistics(notice, purpose, say),
        Route::Consent
            if has_role(&[RecipientRole::Independent])
                && !purpose.sharing
                && purpose.asked == Asked::Banner =>
        {
            let message =
                "Set `sharing = true`: a recipient of it decides for itself what it does with the data.";
            say("sharing-undeclared", place.clone(), message);
        }
        Route::Consent | Route::SoftOptIn | Route::Service => {}
    }
    tools(purpose, say);
    if purpose.asked == Asked::Banner && matches!(purpose.route, Route::SoftOptIn | Route::Service) {
        say("route-not-here", place.clone(), "On the banner, choose consent, statistics or necessary.");
    }
    if purpose.asked == Asked::AlertForm {
        route_of_alert(notice, purpose, say);
    }
    for item in &purpose.storage {
        let place = format!("{place}.storage.{}", item.name);
        let before = item.name.strip_suffix('*').unwrap_or(&item.name);
        if !before.chars().any(char::is_alphanumeric) || before.contains('*') {
            let message = "Write the name as browsers show it; a `*` may stand at its end for the rest.";
            say("storage-unnamed", place.clone(), message);
        }
        if item.days > 400 {
            say(
                "storage-lifetime",
                place.clone(),
                "Shorten the lifetime to 400 days or less; browsers cut it there.",
            );
        }
        let kept = u32::from(notice.memory.refusal_days.max(notice.memory.grant_days));
        let is_fine = purpose.route == Route::Necessary && item.read_by == "controller" && item.days == kept;
        if item.name == COOKIE_NAME && item.kind == StorageKind::Cookie && !is_fine {
            let message = format!(
                "Declare it on a necessary purpose, read by `controller`, for {kept} days: the longer time of `[memory]`."
            );
            say("own-cookie", place, &message);
        }
    }
}

fn necessary(purpose: &Purpose, is_shared: bool, say: &mut Say<'_>) {
    let place = format!("purposes.{}", purpose.id);
    let is_others = |item: &StorageItem| {
        item.read_by != "controller" || matches!(item.kind, StorageKind::Pixel | StorageKind::Frame)
    };
    if is_shared || purpose.sharing || purpose.storage.iter().any(is_others) {
        let message = "Pixels, frames, storage that others read and whoever decides for itself are never necessary: choose the \
                       consent route.";
        say("necessary-shared", place.clone(), message);
    }
    let counts =
        |key: &GoogleKey| !matches!(key, GoogleKey::FunctionalityStorage | GoogleKey::SecurityStorage);
    let tracks = |item: &StorageItem| phrases::is_tracker(&item.name);
    if purpose.google.iter().any(counts)
        || purpose.tools.contains(&Tool::Matomo)
        || purpose.storage.iter().any(tracks)
    {
        let message = "Counting and advertising are not necessary for what a person came for: choose the consent or statistics route.";
        say("necessary-not", place, message);
    }
}

/// What the tools of others that follow a purpose need of it.
fn tools(purpose: &Purpose, say: &mut Say<'_>) {
    let place = format!("purposes.{}", purpose.id);
    let advertises = |key: &GoogleKey| {
        matches!(key, GoogleKey::AdStorage | GoogleKey::AdUserData | GoogleKey::AdPersonalization)
    };
    let is_shared_by_consent = purpose.route == Route::Consent && purpose.sharing;
    if purpose.google.iter().any(advertises) && !is_shared_by_consent {
        let message = "Put advertising keys on a purpose with the consent route and `sharing = true`.";
        say("google-unasked", format!("{place}.google"), message);
    }
    let tool = |tool: &Tool| match tool {
        Tool::Uet | Tool::ClarityAds => is_shared_by_consent,
        Tool::Clarity => purpose.route == Route::Consent,
        Tool::Gtm | Tool::Matomo => true,
    };
    if !purpose.tools.iter().all(tool) {
        let message = "Put `clarity` on a purpose with the consent route; `uet` and `clarity-ads` also need `sharing = true`.";
        say("tool-unasked", format!("{place}.tools"), message);
    }
    let counts = purpose.google.contains(&GoogleKey::AnalyticsStorage)
        || purpose.tools.iter().any(|tool| matches!(tool, Tool::Clarity | Tool::Matomo));
    let advertises = purpose.google.iter().any(advertises)
        || purpose.tools.iter().any(|tool| matches!(tool, Tool::Uet | Tool::ClarityAds));
    if counts && advertises {
        let message = "Make two purposes of it: who wants to be counted may not want to be advertised to.";
        say("bundled", place, message);
    }
}

/// What is declared in two places.
pub(super) fn storage_twice(notice: &Notice, say: &mut Say<'_>) {
    let all =
        || notice.purposes.iter().flat_map(|purpose| purpose.storage.iter().map(move |item| (purpose, item)));
    for (at, (purpose, item)) in all().enumerate() {
        let differs = |(other, it): &(&Purpose, &StorageItem)| {
            it.days != item.days || it.read_by != item.read_by || other.is_choice() != purpose.is_choice()
        };
        let mut same = all().take(at).filter(|(_, it)| it.name == item.name && it.kind == item.kind);
        if let Some((other, _)) = same.find(differs) {
            let message = format!(
                "`{}` declares it otherwise: say the same lifetime and reader in both, and if either asks, ask in both.",
                other.id
            );
            say("storage-conflict", format!("purposes.{}.storage.{}", purpose.id, item.name), &message);
        }
    }
}

/// The route of an alert, as far as a file can show that it may be used.
fn route_of_alert(notice: &Notice, alert: &Purpose, say: &mut Say<'_>) {
    let place = format!("alerts.{}", alert.topic.as_deref().unwrap_or_default());
    if matches!(alert.route, Route::Statistics | Route::Necessary) {
        say("route-not-here", place, "For an alert, choose consent, soft-opt-in or service.");
        return;
    }
    let declared = alert.soft_opt_in.as_ref();
    let whole = declared.is_some_and(|it| {
        [&it.collected, &it.opt_out].iter().all(|text| text.chars().any(char::is_alphanumeric))
    });
    if (alert.route == Route::SoftOptIn) != declared.is_some() || declared.is_some() && !whole {
        let message = "Set `route = \"soft-opt-in\"` together with `soft_opt_in`: its `kind`, how details are `collected`, and the `opt_out`.";
        say("soft-opt-in-undeclared", format!("{place}.soft_opt_in"), message);
    } else if declared.is_some_and(|it| it.kind == SoftOptInKind::Charitable) && !notice.may_send(alert) {
        let message =
            "State `controller.charity`, the number in the register; who is no charity needs consent.";
        say("soft-opt-in-charity", format!("{place}.soft_opt_in.kind"), message);
    }
}

/// The conditions of the statistical exception, as far as a file can show them.
fn statistics(notice: &Notice, purpose: &Purpose, say: &mut Say<'_>) {
    let place = format!("purposes.{}", purpose.id);
    let conditions = purpose.statistics.clone().unwrap_or_default();
    for (key, evidence) in conditions.each() {
        if !evidence.chars().any(char::is_alphanumeric) {
            let message = "Say why this condition holds, or choose the consent route.";
            say("statistics-undeclared", format!("{place}.statistics.{key}"), message);
        }
    }
    let readers = purpose.storage.iter().map(|item| &item.read_by);
    let mut parties = purpose.recipients.iter().chain(readers).filter_map(|id| notice.recipients.get(id));
    let fetched = |kind| matches!(kind, StorageKind::Pixel | StorageKind::Frame);
    if purpose.sharing
        || parties.any(|party| party.role != RecipientRole::Processor)
        || purpose.storage.iter().any(|item| fetched(item.kind) && item.read_by != "controller")
    {
        let message =
            "Take out everyone who is not a processor, and pixels and frames of others, or choose consent.";
        say("statistics-shared", place, message);
    }
}
