//! The log: to stderr, one line for each event. Under journald each line begins with its level as `<N>` and bears no
//! time, since the journal has its own; elsewhere it begins with the time in GMT.
//!
//! `$RUST_LOG` chooses the level (`debug`, `posthouse::store=debug,info`); without it what is worth knowing is logged.

use chrono::{SecondsFormat, Utc};
use std::fmt;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins logging: what a server has to say, or for a command only what is wrong.
pub fn start(least: Level) {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let journal = std::env::var_os("JOURNAL_STREAM").is_some() && !std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).event_format(Lines { journal });
    // A log that nobody takes, or that its disk has no room for, is lost; the server goes on.
    let lines = lines.log_internal_errors(false);
    // What the libraries have to tell of their own accord is of interest when something is wrong.
    // The web framework calls every request that it cannot read an error: strangers could fill the log with those.
    let usual = Targets::new().with_default(Level::WARN).with_target("actix_http", LevelFilter::OFF).with_target("posthouse", least);
    let filter = wanted.unwrap_or(usual);
    // In a process that logs already, as tests do, that log stays.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    std::panic::set_hook(Box::new(panicked));
}

/// A panic ends one job or one actor; its cause must not be lost.
fn panicked(info: &PanicHookInfo<'_>) {
    let what = info.payload_as_str().unwrap_or("no text");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(%place, thread = thread.name().unwrap_or("?"), "panic: {what}");
}

/// How an event becomes a line.
struct Lines {
    journal: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        ctx.field_format().format_fields(Writer::new(&mut text), event)?;
        let level = *event.metadata().level();
        if self.journal {
            write!(to, "<{}>", priority(level))?;
        } else {
            write!(to, "{} {level:>5} ", Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true))?;
        }
        for c in text.chars() {
            // A value from outside can neither begin a line nor draw on a terminal.
            match c {
                '\n' => to.write_str("\\n")?,
                c if c.is_control() => to.write_char('?')?,
                c => to.write_char(c)?,
            }
        }
        to.write_char('\n')
    }
}

/// The level as syslog counts it (RFC 5424 6.2.1).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(journal: bool, log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(kept.clone()).with_ansi(false).event_format(Lines { journal });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn the_journal_gets_levels_and_no_time() {
        assert_eq!(logged(true, || tracing::warn!(port = 5, "taken")), "<4>taken port=5\n");
        assert_eq!(logged(true, || tracing::info!("fine")), "<6>fine\n");
        let line = logged(false, || tracing::error!("bad"));
        assert!(line.starts_with("20") && line.ends_with("Z ERROR bad\n"), "{line}");
    }

    #[test]
    fn an_event_is_one_line_whatever_it_carries() {
        let name = "x\n<3>forged\r\u{1b}[2J";
        let line = logged(true, || tracing::info!(%name, "a name"));
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        assert!(!line.contains('\u{1b}') && !line.contains('\r'), "{line:?}");
    }
}
