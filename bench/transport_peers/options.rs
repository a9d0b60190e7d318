//! What the Rust peers of bench/transport.py share: arguments, and the line of JSON at the end.
//! They are those of peer.h.

use std::time::{Duration, Instant};

/// With every peer, Kith too.
pub const REQUESTS_IN_FLIGHT: usize = 64;
pub const HANDSHAKES_IN_FLIGHT: usize = 16; // `resumed` too

pub struct Options {
    pub is_sender: bool,
    pub address: String,
    pub port: u16,
    pub mode: String,
    pub congestion: String,
    pub bytes: u64, // 0: for `seconds`
    pub seconds: f64,
    pub message_bytes: usize,
    pub count: usize,
}

impl Options {
    pub fn read() -> Options {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let role = arguments.first().map(String::as_str).unwrap_or("");
        assert!(role == "send" || role == "receive", "usage: PEER send|receive [--NAME VALUE]...");
        let mut options = Options {
            is_sender: role == "send",
            address: "127.0.0.1".into(),
            port: 0,
            mode: "stream".into(),
            congestion: "cubic".into(),
            bytes: 0,
            seconds: 1.0,
            message_bytes: 64,
            count: 10_000,
        };
        let mut rest = arguments[1..].iter();
        while let Some(name) = rest.next() {
            if name == "--json" {
                continue;
            }
            let value = rest.next().unwrap_or_else(|| panic!("{name} wants a value"));
            let number = || value.parse::<u64>().expect("a number");
            match name.as_str() {
                "--address" => options.address = value.clone(),
                "--port" => options.port = number() as u16,
                "--mode" => options.mode = value.clone(),
                "--congestion" => options.congestion = value.clone(),
                "--bytes" => options.bytes = number(),
                "--seconds" => options.seconds = value.parse().expect("seconds"),
                "--message-bytes" => options.message_bytes = number() as usize,
                "--count" => options.count = number() as usize,
                "--cpu" => {} // the caller pins
                _ => panic!("unknown argument {name}"),
            }
        }
        options
    }

    /// True while the sender has more to say.
    pub fn goes_on(&self, sent: u64, start: Instant) -> bool {
        if self.bytes > 0 {
            return sent < self.bytes;
        }
        start.elapsed() < self.limit()
    }

    pub fn limit(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

#[derive(Default)]
pub struct Outcome {
    pub bytes: u64,
    pub took: Duration,
    pub messages: u64,
    pub round_trips: Vec<Duration>,
}

impl Outcome {
    /// CPU time is left to the caller, who waits for this process.
    pub fn say(mut self, options: &Options) {
        let seconds = self.took.as_secs_f64().max(1e-9);
        self.round_trips.sort_unstable();
        let quantile = |share: f64| match self.round_trips.len() {
            0 => 0.0,
            count => self.round_trips[(share * (count - 1) as f64) as usize].as_secs_f64() * 1e6,
        };
        println!(
            "{{\"mode\":\"{}\",\"bytes\":{},\"seconds\":{:.6},\"gbit_s\":{:.6},\"messages\":{},\
             \"per_second\":{:.1},\"p50_us\":{:.2},\"p99_us\":{:.2}}}",
            options.mode,
            self.bytes,
            seconds,
            self.bytes as f64 * 8e-9 / seconds,
            self.messages,
            self.messages as f64 / seconds,
            quantile(0.5),
            quantile(0.99),
        );
    }
}

pub fn say_listening(port: u16) {
    println!("{{\"listening\":{port}}}");
}
