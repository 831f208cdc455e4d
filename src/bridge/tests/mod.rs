//! Tests of the bridge, told as dialogues: what the client and the backend send, and what each of them then hears.
//!
//! Frames are written by [`support`], not by the code under test, and [`every_way`](support::every_way) plays a dialogue
//! whole, byte by byte and cut in two at every position.

mod acks;
mod answers;
mod backend;
mod both_directions;
mod limits;
mod malformed;
mod opening;
mod pings;
mod properties;
mod published;
mod settings;
mod support;
