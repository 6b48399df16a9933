//! x
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// x
    New,
}
pub(crate) fn run(_: Command, _: &mut crate::io::Io<'_>) -> Result<u8, crate::failure::Failure> {
    Ok(0)
}
