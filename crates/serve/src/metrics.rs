//! What /metrics tells: requests, the queue, the engine. Labels have few values, whatever
//! clients send.

use domain::verdict::Verdict;
use engine::Reply;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From a cached 404 to a long chain of thought on a large model.
const BUCKETS_S: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    verdict: &'static str,
}

type Seconds = Family<RouteLabels, Histogram, fn() -> Histogram>;

pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Seconds,
    case_seconds: Histogram,
    tokens: Family<KindLabels, Counter>,
    verdicts: Family<VerdictLabels, Counter>,
    pub queue_depth: Gauge,
    pub in_flight: Gauge,
    pub connections: Gauge,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS_S)
}

impl Metrics {
    /// `served` says what is served: names and values without end.
    pub fn new(served: Vec<(&'static str, String)>) -> Metrics {
        let mut registry = Registry::with_prefix("touchstone");
        let metrics = Metrics {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(histogram),
            case_seconds: histogram(),
            tokens: Family::default(),
            verdicts: Family::default(),
            queue_depth: Gauge::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("served", "What is served", Info::new(served));
        registry.register(
            "requests",
            "Requests answered or refused, by route and status",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request",
            "From a request's head to its answer's, by route",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register_with_unit(
            "case",
            "From a case's entry into the queue to its verdict",
            Unit::Seconds,
            metrics.case_seconds.clone(),
        );
        registry.register(
            "tokens",
            "Tokens: prompt (reused among them), reused, generated; of prefixes computed",
            metrics.tokens.clone(),
        );
        registry.register("verdicts", "Verdicts", metrics.verdicts.clone());
        registry.register(
            "queue_depth",
            "Cases that wait for the engine",
            metrics.queue_depth.clone(),
        );
        registry.register(
            "in_flight",
            "Cases in the engine",
            metrics.in_flight.clone(),
        );
        registry.register(
            "connections",
            "Open connections",
            metrics.connections.clone(),
        );
        Metrics {
            registry,
            ..metrics
        }
    }

    pub fn request(&self, route: &'static str, status: u16, elapsed: Duration) {
        let labels = RequestLabels {
            route,
            status: status.into(),
        };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds
            .get_or_create(&RouteLabels { route })
            .observe(elapsed.as_secs_f64());
    }

    /// Tokens of a shared prefix that had to be computed.
    pub fn prefix(&self, tokens: u32, reused: u32) {
        self.count("prefix", tokens.saturating_sub(reused));
    }

    pub fn case(&self, reply: &Reply, elapsed: Duration) {
        self.case_seconds.observe(elapsed.as_secs_f64());
        self.count("prompt", reply.prompt_tokens);
        self.count("reused", reply.reused_tokens);
        self.count("generated", reply.generated_tokens);
    }

    pub fn verdict(&self, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Violates => "violates",
            Verdict::Safe => "safe",
            Verdict::Unparsed => "unparsed",
        };
        self.verdicts
            .get_or_create(&VerdictLabels { verdict })
            .inc();
    }

    fn count(&self, kind: &'static str, tokens: u32) {
        self.tokens
            .get_or_create(&KindLabels { kind })
            .inc_by(tokens.into());
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a String cannot fail; an encoder's own error is worth a line.
            Err(error) => format!("# {error}\n# EOF\n"),
        }
    }
}
