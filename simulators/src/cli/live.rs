//! The live view of a load on a terminal: a few lines at its bottom, drawn again every second. Ctrl-C works as ever.

use std::collections::VecDeque;
use std::io::{self, Stdout};

use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Sparkline};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use veilgate_simulators::load::{ProcessPoint, Progress};

/// Lines it takes.
const HEIGHT: u16 = 14;
/// Seconds that are remembered; more than any terminal is wide.
const REMEMBERED: usize = 1_000;

/// A view of one run.
pub(crate) struct Live {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    history: History,
}

/// What has been seen of the run.
struct History {
    title: String,
    last: Progress,
    /// Accepted, and receipts, a second.
    accepted: VecDeque<u64>,
    receipts: VecDeque<u64>,
    /// 99th percentile of responses in microseconds.
    p99: VecDeque<u64>,
}

impl Live {
    /// Takes the lines below the cursor.
    pub(crate) fn new(title: &str) -> io::Result<Self> {
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
        let terminal = Terminal::with_options(CrosstermBackend::new(io::stdout()), options)?;
        Ok(Self { terminal, history: History::new(title) })
    }

    /// Shows one more second.
    pub(crate) fn show(&mut self, progress: &Progress) {
        self.history.add(progress);
        // A terminal that takes nothing must not end the run.
        let _ = self.terminal.draw(|frame| self.history.draw(frame));
    }

    /// Leaves the last picture and gives the cursor back.
    pub(crate) fn leave(mut self) {
        let _ = self.terminal.show_cursor();
        println_below(&mut self.terminal);
    }
}

/// Puts the cursor below the view.
fn println_below(terminal: &mut Terminal<CrosstermBackend<Stdout>>) {
    let area = terminal.get_frame().area();
    let _ = terminal.set_cursor_position((0, area.bottom().saturating_sub(1)));
    veilgate_simulators::output::line("");
}

impl History {
    fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            last: Progress::default(),
            accepted: VecDeque::new(),
            receipts: VecDeque::new(),
            p99: VecDeque::new(),
        }
    }

    fn add(&mut self, progress: &Progress) {
        for (series, value) in [
            (&mut self.accepted, whole(progress.accept_rate)),
            (&mut self.receipts, whole(progress.receipt_rate)),
            (&mut self.p99, progress.p99_us),
        ] {
            series.push_back(value);
            if series.len() > REMEMBERED {
                series.pop_front();
            }
        }
        self.last = progress.clone();
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let block = Block::bordered().title(format!(" {} ", self.title).bold());
        let inside = block.inner(frame.area());
        frame.render_widget(block, frame.area());
        let rows = [1, 1, 1, 1, 1, 2, 2, 3];
        let areas: [Rect; 8] = Layout::vertical(rows.map(Constraint::Length)).areas(inside);
        let [state, rates, response, receipt, refused, accepted, p99, processes] = areas;
        frame.render_widget(self.state(), state);
        frame.render_widget(self.rates(), rates);
        let last = &self.last;
        let latency = |name, p50, p99, most| {
            let text = format!("p50 {:>10}   p99 {:>10}   max {:>10}", time(p50), time(p99), time(most));
            Line::from(vec![label(name), Span::raw(text)])
        };
        frame.render_widget(latency("response", last.p50_us, last.p99_us, last.max_us), response);
        frame.render_widget(
            latency("receipt", last.receipt_p50_us, last.receipt_p99_us, last.receipt_max_us),
            receipt,
        );
        frame.render_widget(self.refusals(), refused);
        spark(frame, accepted, "accepted/s", &self.accepted, Color::Green);
        spark(frame, p99, "p99", &self.p99, Color::Yellow);
        let lines: Vec<Line<'_>> = last.processes.iter().take(3).map(process).collect();
        frame.render_widget(Paragraph::new(lines), processes);
    }

    fn state(&self) -> Line<'_> {
        let Progress { seconds, phase, bound, in_flight, awaiting, .. } = &self.last;
        Line::from(vec![
            label("phase"),
            Span::from(format!("{phase}  ")).bold(),
            Span::raw(format!(
                "{seconds:.0} s   binds {bound}   in flight {in_flight}   awaiting a receipt {awaiting}"
            )),
        ])
    }

    fn rates(&self) -> Line<'_> {
        let last = &self.last;
        Line::from(vec![
            label("a second"),
            Span::raw(format!("submitted {:>9.0}   ", last.submit_rate)),
            Span::from(format!("accepted {:>9.0}", last.accept_rate)).green().bold(),
            Span::raw(format!("   receipts {:>9.0}   replies {:>6.0}", last.receipt_rate, last.reply_rate)),
            Span::from(format!("   in all {}", last.accepted)).dim(),
        ])
    }

    fn refusals(&self) -> Line<'_> {
        let mut spans = vec![label("refused")];
        if self.last.refusals.is_empty() {
            spans.push(Span::from(format!("none now, {} in all", self.last.refused)).dim());
        }
        for (status, count) in &self.last.refusals {
            spans.push(Span::from(format!("{status} {count}   ")).red());
        }
        Line::from(spans)
    }
}

fn label(name: &str) -> Span<'_> {
    Span::from(format!("{name:<10}")).dim()
}

fn process(point: &ProcessPoint) -> Line<'_> {
    let ProcessPoint { name, cpu, usage } = point;
    let mebibytes = usage.resident_bytes >> 20;
    let text = format!(
        "{name}: {cpu:.2} processors, {mebibytes} MiB, {} descriptors, {} threads",
        usage.descriptors, usage.threads
    );
    Line::from(vec![label("process"), Span::raw(text)])
}

/// Two lines of bars, the newest at the right.
fn spark(frame: &mut Frame<'_>, area: Rect, name: &str, values: &VecDeque<u64>, colour: Color) {
    let [names, bars] = Layout::horizontal([Constraint::Length(10), Constraint::Min(1)]).areas(area);
    frame.render_widget(label(name), names);
    let room = usize::from(bars.width);
    let shown: Vec<u64> = values.iter().skip(values.len().saturating_sub(room)).copied().collect();
    frame.render_widget(Sparkline::default().data(&shown).style(Style::new().fg(colour)), bars);
}

/// A time for people, from microseconds.
fn time(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let exact = micros as f64;
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{:.1} ms", exact / 1e3),
        _ => format!("{:.2} s", exact / 1e6),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; never negative")]
fn whole(rate: f64) -> u64 {
    rate as u64
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn a_second_is_shown_on_any_terminal() {
        let mut history = History::new("soak");
        let refusals = [("0x58".to_owned(), 17)].into();
        let progress = Progress {
            phase: "noon".into(),
            accept_rate: 38_000.0,
            p99_us: 12_345,
            awaiting: 77,
            refusals,
            ..Progress::default()
        };
        (0..2_000).for_each(|_| history.add(&progress));
        for width in [1, 20, 100, 300] {
            let mut terminal = Terminal::new(TestBackend::new(width, HEIGHT)).unwrap();
            terminal.draw(|frame| history.draw(frame)).unwrap();
            let shown = terminal.backend().to_string();
            for word in ["soak", "noon", "38000", "12.3 ms", "0x58 17", "awaiting a receipt 77", "█"] {
                assert!(width < 100 || shown.contains(word), "{word}: {shown}");
            }
        }
        assert_eq!(
            (time(999), time(1_000), time(2_500_000)),
            ("999 us".into(), "1.0 ms".into(), "2.50 s".into())
        );
    }
}
