//! `demo bench shop`: the figures of the shop, with the machine they come from.

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {}
pub(crate) async fn shop(_args: BenchArgs) -> Result<bool, crate::stage::DemoError> {
    Ok(true)
}
