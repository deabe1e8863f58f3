//! Bodies of answers that are made while they are sent, and bodies that break off.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;

/// A body whose parts are made one at a time, so that an answer of any length costs one part of memory.
pub fn parts(make: impl FnMut() -> Option<Vec<u8>> + Send + 'static) -> Body {
    Body::new(Parts(Box::new(make)))
}

/// A body that sends this much and then breaks the connection. With nothing to send, not even the head of the answer
/// leaves: hyper drops what it has buffered when a body fails.
pub fn broken(sent: Vec<u8>) -> Body {
    let stage = if sent.is_empty() { Stage::Break } else { Stage::Send(sent) };
    Body::new(Broken(stage))
}

struct Parts(Box<dyn FnMut() -> Option<Vec<u8>> + Send>);

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready((self.0)().map(|part| Ok(Frame::data(part.into()))))
    }
}

enum Stage {
    Send(Vec<u8>),
    /// Let what was sent leave.
    Flush,
    Break,
}

struct Broken(Stage);

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match std::mem::replace(&mut self.0, Stage::Break) {
            Stage::Send(bytes) => {
                self.0 = Stage::Flush;
                Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
            }
            Stage::Flush => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Stage::Break => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into()))),
        }
    }
}
