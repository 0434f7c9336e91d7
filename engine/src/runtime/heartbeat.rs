//! The heartbeat: echoes the controller's pings, and notices when they stop.
//!
//! A thread and a libzmq context of its own, so that neither user code, nor a gigabyte on another socket, delays an answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anympi_zmq::{Context, Error, Events, PollItem, SocketType, poll};

use super::wake::{Wake, block_signals};

/// What the heartbeat needs to know.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Where pings come from
    pub ping: String,
    /// Where answers go
    pub pong: String,
    /// The engine's uuid, by which the controller knows whose answer it is
    pub identity: String,
    /// The time in which a ping must come
    pub period: Duration,
    /// After so many periods without one the controller counts as gone; 0: never
    pub maximum_misses: u32,
}

impl Heartbeat {
    /// Echo on a new thread until `end` wakes. `lost` is called once when the controller is gone.
    pub fn start(
        self,
        end: Arc<Wake>,
        lost: impl Fn(String) + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name("heartbeat".into()).spawn(move || {
            block_signals();
            match self.run(&end) {
                Ok(None) => {}
                Ok(Some(reason)) => lost(reason),
                Err(error) => lost(format!("the heartbeat failed: {error}")),
            }
        })
    }

    fn run(&self, end: &Wake) -> Result<Option<String>, Error> {
        let context = Context::new()?;
        let ping = context.socket(SocketType::Sub)?;
        ping.subscribe(b"")?;
        let pong = context.socket(SocketType::Dealer)?;
        pong.set_identity(self.identity.as_bytes())?;
        pong.set_high_water_mark(0)?;
        pong.connect(&self.pong)?;
        ping.connect(&self.ping)?;
        let mut misses = 0;
        let mut check = Instant::now() + self.period;
        loop {
            let wait = check.saturating_duration_since(Instant::now());
            let mut items =
                [PollItem::socket(&ping, Events::READABLE), PollItem::fd(end.fd(), Events::READABLE)];
            poll(&mut items, Some(wait))?;
            if items[1].is_readable() {
                return Ok(None);
            }
            if items[0].is_readable() {
                while let Some(mut frames) = ping.try_recv_multipart()? {
                    pong.send_multipart(&mut frames)?;
                }
                misses = 0;
                check = Instant::now() + self.period;
            } else if Instant::now() >= check {
                misses += 1;
                check = Instant::now() + self.period;
                tracing::warn!(
                    "no heartbeat of the controller for {:.1} s",
                    self.silence(misses).as_secs_f32()
                );
                if self.maximum_misses > 0 && misses >= self.maximum_misses {
                    let seconds = self.silence(misses).as_secs_f32();
                    let ping = &self.ping;
                    return Ok(Some(format!(
                        "no heartbeat of the controller ({ping}) came for {seconds:.1} s: it is gone"
                    )));
                }
            }
        }
    }

    fn silence(&self, misses: u32) -> Duration {
        self.period.saturating_mul(misses)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn controller() -> (Context, anympi_zmq::Socket, anympi_zmq::Socket, String, String) {
        let context = Context::new().unwrap();
        let ping = context.socket(SocketType::Pub).unwrap();
        let pong = context.socket(SocketType::Router).unwrap();
        pong.set_receive_timeout(Some(Duration::from_millis(100))).unwrap();
        let [to, from] = [&ping, &pong].map(|socket| socket.bind("tcp://127.0.0.1:*").unwrap());
        (context, ping, pong, to, from)
    }

    #[test]
    fn pings_are_echoed_with_the_engines_identity() {
        let (_context, ping, pong, to, from) = controller();
        let end = Arc::new(Wake::new().unwrap());
        let period = Duration::from_secs(60);
        let heart = Heartbeat { ping: to, pong: from, identity: "me".into(), period, maximum_misses: 1 };
        let thread = heart.start(end.clone(), |reason| panic!("{reason}")).unwrap();
        let answer = (0..600).find_map(|_| {
            ping.send(b"12.5").unwrap();
            pong.recv_multipart().ok()
        });
        let frames: Vec<Vec<u8>> = answer.unwrap().iter().map(|frame| frame.to_vec()).collect();
        assert_eq!(frames, [b"me".to_vec(), b"12.5".to_vec()]);
        end.wake();
        thread.join().unwrap();
    }

    #[test]
    fn silence_is_noticed() {
        let (_context, _ping, _pong, to, from) = controller();
        let (sender, receiver) = mpsc::channel();
        let period = Duration::from_millis(40);
        let heart = Heartbeat { ping: to, pong: from, identity: "me".into(), period, maximum_misses: 3 };
        let begin = Instant::now();
        heart.start(Arc::new(Wake::new().unwrap()), move |reason| sender.send(reason).unwrap()).unwrap();
        let reason = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(begin.elapsed() >= period * 3 && reason.contains("gone"), "{reason}");
    }
}
