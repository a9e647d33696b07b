//! `veilgate-sim sink`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use veilgate_simulators::load::Script;
use veilgate_simulators::sink::{Sink, SinkOptions};
use veilgate_simulators::smsc::ReceiptWhen;
use veilgate_simulators::{clock, output};

use super::stopped;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:2777")]
    listen: SocketAddr,
    /// Decimal message ids instead of hexadecimal ones.
    #[arg(long)]
    decimal: bool,
    /// Which messages get a receipt.
    #[arg(long, value_enum, default_value = "asked")]
    receipts: ReceiptWhen,
    /// Milliseconds from response to receipt.
    #[arg(long, default_value_t = 0)]
    receipt_delay: u64,
    /// Unanswered deliver_sm per connection.
    #[arg(long, default_value_t = 1_000)]
    deliver_window: usize,
    /// Append `destination id tag` per message.
    #[arg(long)]
    log: Option<PathBuf>,
    /// A script whose [sink] table says what it does besides taking everything.
    #[arg(long)]
    script: Option<PathBuf>,
    /// Print the counters every second.
    #[arg(long)]
    progress: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let script = match &arguments.script {
        Some(path) => Script::read(path).map_err(|error| error.to_string())?.sink().cloned(),
        None => None,
    };
    let receipts = script.as_ref().and_then(|script| script.receipts).unwrap_or(arguments.receipts);
    let options = SinkOptions {
        listen: arguments.listen,
        decimal: arguments.decimal,
        // Ids must not repeat after a restart: they begin with the second of the start.
        first_id: u64::try_from(clock::wall().0 / 1_000).unwrap_or(1) << 28,
        receipts,
        script: script.map(Arc::new),
        receipt_delay: Duration::from_millis(arguments.receipt_delay),
        deliver_window: arguments.deliver_window,
        log: arguments.log,
        ..SinkOptions::default()
    };
    let running = Sink::start(options).await.map_err(|error| error.to_string())?;
    output::line(&format!("listening on {}", running.address()));
    let print = || output::line(&serde_json::to_string(&running.counters()).unwrap_or_default());
    let stop = stopped();
    tokio::pin!(stop);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick(), if arguments.progress => print(),
        }
    }
    print();
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}
