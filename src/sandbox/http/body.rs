//! Bodies of HTTP answers that are generated while they are sent, and bodies that end with a broken connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;

/// Returns a body whose parts `make` generates one after the other, until it returns `None`. Only one part is in
/// memory at a time.
pub fn parts(make: impl FnMut() -> Option<Vec<u8>> + Send + 'static) -> Body {
    Body::new(Parts(Box::new(make)))
}

/// Returns a body that sends these bytes and then breaks the connection. If there are no bytes, the client does not
/// even get the status and headers, because hyper drops its buffer when a body fails.
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
    /// Waits once, so that hyper sends what it has buffered.
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
