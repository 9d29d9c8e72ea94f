//! What a client that knows nothing can find out.

use futures_util::stream;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use watertight::GrpcChannel;

use crate::support::Service;

#[watertight::test]
async fn the_service_describes_itself() {
    let dir = testkit::temp_dir();
    let service = Service::start(dir.path(), &[]).await;
    let ask = |what| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(what),
    };
    let symbol = "shop.inventory.v1.InventoryService".to_owned();
    let questions = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(symbol.clone())),
        ask(MessageRequest::FileContainingSymbol(
            "google.rpc.ErrorInfo".to_owned(),
        )),
    ];
    let channel = GrpcChannel::connect_lazy("inventory", &service.running.url()).unwrap();
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(stream::iter(questions))
        .await
        .unwrap()
        .into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services");
    };
    let names: Vec<_> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    assert!(names.contains(&symbol), "{names:?}");
    assert!(
        names.contains(&"grpc.health.v1.Health".to_owned()),
        "{names:?}"
    );
    for described in [symbol.as_str(), "google.rpc.ErrorInfo"] {
        let answer = answers.message().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::FileDescriptorResponse(files)) = answer else {
            panic!("no description of {described}");
        };
        assert!(!files.file_descriptor_proto.is_empty(), "{described}");
    }
    drop(answers);
    service.stop().await;
}
