//! Whole connections on either engine, their peers played by the same thread, under an engine that takes offence at
//! whatever its contract forbids.

mod bench;
mod breaking;
mod flowing;
mod strict;
mod waiting;
mod watched;

use bench::Bench;

/// Runs generic tests on both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod on_ring {
            $(#[test] fn $name() { super::$name::<crate::relay::io::Ring>(); })*
        }
        mod on_epoll {
            $(#[test] fn $name() { super::$name::<crate::relay::io::Epoll>(); })*
        }
    };
}
use on_both_engines;
