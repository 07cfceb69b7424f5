//! Compiles the helper, so that the library can carry it: see src/helper.rs.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let output = PathBuf::from(variable("OUT_DIR")).join("helper");
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2021", "--crate-name", "nsiso_helper", "--crate-type", "bin", "src/helper.rs"])
        .args(["--target", &variable("TARGET"), "-o"])
        .arg(&output)
        // What the library alone uses of the same files.
        .args(["-A", "dead_code"])
        .args(["-C", "panic=abort", "-C", "opt-level=2", "-C", "strip=symbols"])
        // At a fixed place, without libc and without its start-up: nothing is left to relocate.
        .args(["-C", "relocation-model=static"])
        .args(["-C", "link-arg=-nostartfiles", "-C", "link-arg=-nostdlib", "-C", "link-arg=-static"])
        // Few pages to map, and an address range that a shadow stack or CET need not know.
        .args(["-C", "link-arg=-Wl,-z,noseparate-code,-z,norelro,--build-id=none"]);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={}", PathBuf::from(linker).display()));
    }
    if rustc.status()?.success() {
        Ok(())
    } else {
        Err("the helper does not compile".into())
    }
}
