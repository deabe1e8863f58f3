//! Sends requests to this machine, and to the addresses at which a cloud serves credentials, without the proxy that
//! the environment names. All other requests go through that proxy.

use std::future::Future;
use std::pin::Pin;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

use crate::loopback;

/// Makes HTTP clients that decide for each request, by its address, whether to use the proxy.
#[derive(Debug)]
pub struct Direct;

impl HttpConnector for Direct {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let connector = ReqwestConnector::default();
        // With a proxy of its own that excludes every host, the client does not look at the environment's proxy.
        let none = options.clone().with_proxy_url("http://127.0.0.1:9").with_proxy_excludes("*,0.0.0.0/0,::/0");
        let ways = Ways { direct: connector.connect(&none)?, usual: connector.connect(options)? };
        Ok(HttpClient::new(ways))
    }
}

/// Two HTTP clients, one without and one with the environment's proxy.
#[derive(Debug)]
struct Ways {
    direct: HttpClient,
    usual: HttpClient,
}

impl HttpService for Ways {
    // The trait is declared with `async_trait`. This is the signature that the macro makes.
    fn call<'life, 'call>(
        &'life self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'life: 'call,
        Self: 'call,
    {
        // The client parses the address in the same way: `127.1` is 127.0.0.1.
        let url = request.uri().to_string().parse::<reqwest::Url>().ok();
        let is_near = url.as_ref().and_then(reqwest::Url::host_str).is_some_and(loopback::is_near);
        let way = if is_near { &self.direct } else { &self.usual };
        Box::pin(way.execute(request))
    }
}
