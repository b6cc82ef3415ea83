//! Which trace work belongs to, across processes: as W3C `traceparent` in headers and in the database.
//!
//! Spans carry ids and counts, never what somebody said, names of customers, or secrets. Ids are given and passed on
//! whether or not spans are exported ([`crate::telemetry`]), so that a row can be found by the id of the request that
//! led to it.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header that carries it, over HTTP as over the bus.
pub const HEADER: &str = "traceparent";
/// Traces that one span refers to, at most: a batch may hold messages of thousands.
const MAX_LINKS: usize = 32;

/// A place in a trace: the span that caused what comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace(SpanContext);

impl Trace {
    /// The span that is entered. `None`: none is, or nobody keeps spans, as in a test without logs.
    pub fn current() -> Option<Self> {
        Self::of(&Span::current())
    }

    /// This span.
    pub fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let context = context.span().span_context().clone();
        context.is_valid().then_some(Self(context))
    }

    /// From a header or a column; `None`: it is none, which concerns nothing but the trace.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        // Later versions may say more behind these.
        let is_known = version != "ff" && (version != "00" || parts.next().is_none());
        if !(is_known && is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2)) {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let sampled = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
        let context = SpanContext::new(trace, span, sampled, true, TraceState::default());
        context.is_valid().then_some(Self(context))
    }

    /// The trace's id, the same for all of its spans.
    pub fn id(&self) -> String {
        self.0.trace_id().to_string()
    }

    fn is_with(&self, other: &Self) -> bool {
        self.0.trace_id() == other.0.trace_id()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span, flags) = (self.0.trace_id(), self.0.span_id(), self.0.trace_flags());
        write!(f, "00-{trace}-{span}-{flags:02x}")
    }
}

/// Makes a span that is not entered yet the child of what caused it.
pub fn continue_from(span: &Span, cause: Option<&Trace>) {
    if let Some(Trace(cause)) = cause {
        // It fails where nobody keeps spans.
        drop(span.set_parent(Context::new().with_remote_span_context(cause.clone())));
    }
}

/// The same for work that has many causes: it belongs to their trace if they share one, and else only refers to theirs.
pub fn continue_from_all(span: &Span, causes: impl Iterator<Item = Trace>) {
    if span.is_disabled() {
        return;
    }
    let mut distinct: Vec<Trace> = Vec::new();
    for cause in causes {
        if !distinct.iter().any(|known| known.is_with(&cause)) {
            distinct.push(cause);
        }
        if distinct.len() == MAX_LINKS {
            break;
        }
    }
    match distinct.as_slice() {
        [only] => continue_from(span, Some(only)),
        several => several.iter().for_each(|Trace(cause)| span.add_link(cause.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_was_written_is_read() {
        let trace = Trace::parse(WRITTEN).unwrap();
        assert_eq!((trace.to_string().as_str(), trace.id().as_str()), (WRITTEN, &WRITTEN[3..35]));
        let later = Trace::parse(&WRITTEN.replacen("00", "01", 1)).unwrap();
        assert_eq!(later.to_string(), WRITTEN, "another version is passed on in ours");
        assert!(Trace::parse(&format!("01{}-more", &WRITTEN[2..])).is_some());
    }

    #[test]
    fn anything_else_is_no_trace() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473字-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::parse(text), None, "{text}");
        }
    }
}
