//! Counts and durations for Prometheus. Labels are routes, statuses and site names: never anything of a person.
//!
//! Every name is listed in a type's comment here and in `help` texts, which `/metrics` shows.

use crate::app::App;
use crate::app::maintenance::LastCheck;
use crate::app::sites::Site;
use crate::app::webhooks::Figures;
use assent_core::notice::Channel;
use assent_ledger::StatsNow;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What is counted about requests. What is counted about each log is read from the ledger when asked for:
/// `assent_log_entries`, `assent_log_writable`, `assent_records_total`, `assent_replays_total`,
/// `assent_commits_total`, `assent_failed_commits_total`, `assent_commit_seconds_total`, `assent_failed_errands_total`, `assent_busy_total`,
/// `assent_published_entries`, `assent_cosignatures`, `assent_witness_failures` (which only grows), `assent_standings_ready`.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `assent_http_requests_total`: answers by route, method and status.
    requests: Family<Request, Counter>,
    /// `assent_http_request_seconds`: from the request's head to the answer's head, by route.
    durations: Family<Route, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    method: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

impl Metrics {
    /// Counts one answer. `route` is the pattern, never the address.
    pub fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let (route, method) = (route.to_string(), method.to_string());
        self.durations.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Request { route, method, status }).inc();
    }

    /// Everything in the OpenMetrics text format.
    pub fn encode(&self, app: &App) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("assent");
        registry.register("http_requests", "Answers by route, method and status", self.requests.clone());
        registry.register(
            "http_request_seconds",
            "Time until an answer begins, by route",
            self.durations.clone(),
        );
        registry.register_collector(Box::new(Logs(app.sites.all())));
        registry.register_collector(Box::new(Endpoints(endpoints(app))));
        registry.register_collector(Box::new(Refused(refused(app))));
        let nights = Nights { checks: app.checks.all(), backup: app.backed_up.get() };
        registry.register_collector(Box::new(nights));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // 1 ms to 8 s.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 14));
        Self { requests: Family::default(), durations: Family::new_with_constructor(histogram) }
    }
}

/// The counters of every site's log.
#[derive(Debug)]
struct Logs(Vec<Arc<Site>>);

type Read = fn(&StatsNow) -> f64;

/// Name, help and source of each counter.
#[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^52")]
const COUNTERS: [(&str, &str, Read); 7] = [
    ("records", "Leaves of decisions and documents recorded since the start", |now| now.records as f64),
    ("replays", "Requests answered with an earlier receipt", |now| now.replays as f64),
    ("commits", "Batches of decisions and documents that were committed", |now| now.commits as f64),
    ("failed_commits", "Commits of any kind that did not end well", |now| now.failed_commits as f64),
    (
        "commit_seconds",
        "Time of batches that were committed, from being made to their signed checkpoint",
        |now| now.commit_time.as_secs_f64(),
    ),
    ("failed_errands", "Times the checkpoint file or secrets drawn ahead could not be written", |now| {
        now.failed_errands as f64
    }),
    ("busy", "Decisions refused because the queue was full", |now| now.busy as f64),
];

impl Collector for Logs {
    #[expect(clippy::cast_possible_wrap, reason = "a log's size stays far below 2^63")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, read) in COUNTERS {
            let example = ConstCounter::new(0.0);
            let mut family = encoder.encode_descriptor(name, help, None, example.metric_type())?;
            for site in &self.0 {
                let label = [("site", site.file.id.as_str())];
                ConstCounter::new(read(&site.ledger.stats().now())).encode(family.encode_family(&label)?)?;
            }
        }
        type Gauge = fn(&Site) -> i64;
        let gauges: [(&str, &str, Gauge); 6] = [
            ("log_entries", "Leaves under the newest checkpoint", |site| site.ledger.size() as i64),
            ("published_entries", "Leaves under the public checkpoint", |site| {
                site.publication.size() as i64
            }),
            ("cosignatures", "Witnesses that cosigned the public checkpoint", |site| {
                site.publication.cosignatures() as i64
            }),
            ("witness_failures", "Questions to witnesses that brought no cosignature", |site| {
                site.publication.failures() as i64
            }),
            ("standings_ready", "1 when what holds for every address was worked out", |site| {
                i64::from(site.standings.prepared())
            }),
            ("log_writable", "1 while the log takes decisions, or was taken over", |site| {
                i64::from(site.ledger.is_writable())
            }),
        ];
        for (name, help, read) in gauges {
            let example = ConstGauge::new(0_i64);
            let mut family = encoder.encode_descriptor(name, help, None, example.metric_type())?;
            for site in &self.0 {
                let label = [("site", site.file.id.as_str())];
                ConstGauge::new(read(site)).encode(family.encode_family(&label)?)?;
            }
        }
        Ok(())
    }
}

/// `assent_questions_refused_total`: sign-ups that were not taken because too many were asked within an hour, by site and channel.
#[derive(Debug)]
struct Refused(Vec<(String, Channel, u64)>);

fn refused(app: &App) -> Vec<(String, Channel, u64)> {
    let of_site = |site: Arc<Site>| {
        let id = site.file.id.as_str().to_string();
        let count = |channel| (id.clone(), channel, app.outbox.questions.refused(&id, channel));
        [count(Channel::Email), count(Channel::Text)]
    };
    app.sites.all().into_iter().flat_map(of_site).collect()
}

impl Collector for Refused {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Sign-ups refused because too many people were asked within an hour";
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = encoder.encode_descriptor("questions_refused", help, None, kind)?;
        for (site, channel, refused) in &self.0 {
            let labels = [("site", site.as_str()), ("channel", channel.as_str())];
            ConstCounter::new(*refused).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// What each endpoint was told: `assent_webhook_taken_total`, `assent_webhook_failed_total`, `assent_webhook_waiting`,
/// `assent_webhook_given_up`, `assent_webhook_behind_entries`, `assent_webhook_disabled`.
#[derive(Debug)]
struct Endpoints(Vec<(String, String, Figures)>);

/// Every endpoint whose site is there: site, name, figures.
fn endpoints(app: &App) -> Vec<(String, String, Figures)> {
    let figures = app.webhooks.all().iter().filter_map(|endpoint| {
        let site = app.sites.get(endpoint.site())?;
        Some((endpoint.site().to_string(), endpoint.name().to_string(), endpoint.figures(&site)?))
    });
    figures.collect()
}

impl Collector for Endpoints {
    #[expect(clippy::cast_possible_wrap, reason = "counts stay far below 2^63")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        type Count = fn(&Figures) -> u64;
        let counters: [(&str, &str, Count); 2] = [
            ("webhook_taken", "Events that the endpoint took", |now| now.taken),
            ("webhook_failed", "Tries that the endpoint did not take", |now| now.failed),
        ];
        for (name, help, read) in counters {
            let kind = ConstCounter::new(0_u64).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (site, endpoint, figures) in &self.0 {
                let labels = [("site", site.as_str()), ("endpoint", endpoint.as_str())];
                ConstCounter::new(read(figures)).encode(family.encode_family(&labels)?)?;
            }
        }
        type Gauge = fn(&Figures) -> i64;
        let gauges: [(&str, &str, Gauge); 4] = [
            ("webhook_waiting", "Events that are tried again", |now| now.waiting as i64),
            ("webhook_given_up", "Events that were given up", |now| now.given_up as i64),
            ("webhook_behind_entries", "Entries that the endpoint was not told of yet", |now| {
                now.behind as i64
            }),
            ("webhook_disabled", "1 when the endpoint answered 410 and is told no more", |now| {
                i64::from(now.disabled)
            }),
        ];
        for (name, help, read) in gauges {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (site, endpoint, figures) in &self.0 {
                let labels = [("site", site.as_str()), ("endpoint", endpoint.as_str())];
                ConstGauge::new(read(figures)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// How the night's work ended, as far as it was done since the start: `assent_fsck_timestamp_seconds`, `assent_fsck_seconds`,
/// `assent_fsck_damaged`, `assent_backup_timestamp_seconds`, `assent_backup_failed`.
#[derive(Debug)]
struct Nights {
    checks: Vec<(String, LastCheck)>,
    backup: Option<(u64, bool)>,
}

impl Collector for Nights {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        type Gauge = fn(&LastCheck) -> f64;
        let gauges: [(&str, &str, Gauge); 3] = [
            ("fsck_timestamp_seconds", "When the last check of the log ended", |check| seconds(check.at)),
            ("fsck_seconds", "How long the last check of the log took", |check| check.took.as_secs_f64()),
            ("fsck_damaged", "1 when the last check found the log damaged", |check| {
                f64::from(u8::from(check.wrong.is_some()))
            }),
        ];
        for (name, help, read) in gauges {
            let kind = ConstGauge::new(0.0).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (site, check) in &self.checks {
                let label = [("site", site.as_str())];
                ConstGauge::new(read(check)).encode(family.encode_family(&label)?)?;
            }
        }
        if let Some((at, well)) = self.backup {
            let gauges = [
                ("backup_timestamp_seconds", "When the last backup ended, well or not", seconds(at)),
                (
                    "backup_failed",
                    "1 when the last backup failed, or old ones could not be let go of",
                    f64::from(u8::from(!well)),
                ),
            ];
            for (name, help, value) in gauges {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
            }
        }
        Ok(())
    }
}

/// Milliseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "times stay far below 2^52")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}
