//! Looking names up, each once at a time. The machine's resolver takes a thread for each look-up and keeps it
//! for as long as the name's servers let it wait, whether or not anybody still does; credentials are checked on
//! those same threads. The owner of a name could take them all, by letting every call to it wait (D7).

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

/// Looks names up.
pub trait Names: Send + Sync + fmt::Debug {
    /// The addresses of a name.
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) }.boxed()
    }
}

/// A look-up that any number may wait for.
type LookUp = Shared<BoxFuture<'static, Result<Vec<IpAddr>, Arc<io::Error>>>>;

/// Those that are under way, by name.
type UnderWay = Arc<Mutex<HashMap<String, LookUp>>>;

/// Names whose look-ups are shared by all who want the same one meanwhile.
#[derive(Debug)]
pub(super) struct SharedNames {
    names: Arc<dyn Names>,
    under_way: UnderWay,
}

impl SharedNames {
    /// Shares what these find.
    pub(super) fn over(names: Arc<dyn Names>) -> Self {
        Self { names, under_way: UnderWay::default() }
    }
}

impl Names for SharedNames {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let begin = || {
            let place = Place { name: name.clone(), all: Arc::clone(&self.under_way) };
            let found = self.names.look_up(name.clone());
            // A task of its own, which goes on when nobody waits any more: its thread does.
            let task = tokio::spawn(async move {
                let _place = place;
                found.await.map_err(Arc::new)
            });
            let ended = task.map(|ended| ended.unwrap_or_else(|error| Err(Arc::new(io::Error::other(error)))));
            ended.boxed().shared()
        };
        let look_up = under_way(&self.under_way).entry(name.clone()).or_insert_with(begin).clone();
        async move { look_up.await.map_err(|error| io::Error::new(error.kind(), error.to_string())) }.boxed()
    }
}

/// The place of a look-up among those under way. However it ends, the next one begins anew.
struct Place {
    name: String,
    all: UnderWay,
}

impl Drop for Place {
    fn drop(&mut self) {
        under_way(&self.all).remove(&self.name);
    }
}

fn under_way(all: &UnderWay) -> MutexGuard<'_, HashMap<String, LookUp>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Takes ten seconds for each name, and does not know `nobody`.
    #[derive(Debug, Default)]
    struct Slow {
        begun: AtomicUsize,
    }

    impl Names for Slow {
        fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                sleep(10 * SECOND).await;
                match name.as_str() {
                    "nobody" => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
                    "trouble" => panic!("a resolver that breaks"),
                    _ => Ok(vec![IpAddr::from([10, 0, 0, number as u8])]),
                }
            }
            .boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d7_a_name_is_looked_up_once_at_a_time_however_many_wait_for_it_or_have_given_up() {
        let slow = Arc::new(Slow::default());
        let names = SharedNames::over(slow.clone());
        for _ in 0..9 {
            // A second each, and nobody waits any more.
            for _ in 0..100 {
                assert!(timeout(SECOND / 100, names.look_up("slow".into())).await.is_err());
            }
        }
        assert_eq!(slow.begun.load(Ordering::SeqCst), 1);
        let (first, again) = (names.look_up("slow".into()), names.look_up("slow".into()));
        let other = names.look_up("other".into());
        assert_eq!(slow.begun.load(Ordering::SeqCst), 2, "another name is another matter");
        let address = |number| vec![IpAddr::from([10, 0, 0, number])];
        assert_eq!((first.await.unwrap(), again.await.unwrap()), (address(1), address(1)));
        assert_eq!(other.await.unwrap(), address(2));
        // What was found is not kept: the name is looked up anew for the next connection.
        assert_eq!(names.look_up("slow".into()).await.unwrap(), address(3));
        assert!(under_way(&names.under_way).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_fails_or_breaks_off_is_made_again_for_the_next_one() {
        let slow = Arc::new(Slow::default());
        let names = SharedNames::over(slow.clone());
        for (name, kind) in [("nobody", io::ErrorKind::NotFound), ("trouble", io::ErrorKind::Other)] {
            for _ in 0..2 {
                assert_eq!(names.look_up(name.into()).await.unwrap_err().kind(), kind, "{name}");
            }
        }
        assert_eq!(slow.begun.load(Ordering::SeqCst), 4);
    }
}
