//! lapin through every scenario; prints the lines run.ts reads.

mod scenarios;
mod support;

use std::{future::Future, process::exit, time::Duration};
use support::Outcome;

/// No scenario needs longer, so what is still waiting then waits in vain.
const LIMIT: Duration = Duration::from_secs(30);

async fn passes(scenario: &str, body: impl Future<Output = Outcome>) -> bool {
    let failure = match tokio::time::timeout(LIMIT, body).await {
        Ok(Ok(())) => {
            println!("ok {scenario}");
            return true;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no end within 30 s".to_string(),
    };
    let reason: Vec<&str> = failure.split_whitespace().collect();
    println!("not ok {scenario} - {}", reason.join(" "));
    false
}

/// lapin's version as Cargo resolved it.
fn version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"lapin\"");
    let version = lines.nth(1).unwrap_or("version = \"unknown\"");
    version.trim_start_matches("version = ").trim_matches('"')
}

#[tokio::main]
async fn main() {
    println!("client lapin {}", version());
    let results = [
        passes("publish-confirm", scenarios::publish_confirm()).await,
        passes("consume-ack", scenarios::consume_ack()).await,
        passes("mandatory-return", scenarios::mandatory_return()).await,
        passes("heartbeat", scenarios::heartbeat()).await,
        passes("big-messages", scenarios::big_messages()).await,
        passes("properties", scenarios::properties()).await,
        passes("channel-errors", scenarios::channel_errors()).await,
        passes("exclusive-queue", scenarios::exclusive_queue()).await,
        passes("queue-lifecycle", scenarios::queue_lifecycle()).await,
        passes("routing", scenarios::routing()).await,
        passes("exchange-bindings", scenarios::exchange_bindings()).await,
        passes("tx", scenarios::tx()).await,
        passes("login-refused", scenarios::login_refused()).await,
    ];
    exit(if results.iter().all(|passed| *passed) { 0 } else { 1 });
}
