//! The schema of `[vm.image]`: the files that a VM starts with.

use std::ops::Range;

use toml::de::DeValue;

use crate::reader::{At, Sink, Table, one_of, string, table, wrong_type};

/// Its keys, which docs/systems.md must all explain.
pub(crate) const IMAGE: &[&str] = &[
    "kernel", "initrd", "bootargs", "format", "load", "entry", "dtb", "source",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatSpec {
    Auto,
    Linux,
    Elf,
    Flat,
}

#[derive(Clone, Debug)]
pub(crate) struct ImageSpec {
    pub kernel: At<String>,
    pub initrd: Option<At<String>>,
    pub bootargs: At<String>,
    pub format: At<FormatSpec>,
    pub load: Option<At<u64>>,
    pub entry: Option<At<u64>>,
    pub dtb: Option<At<u64>>,
    /// The place of `source = "module"`, if that is what it says.
    pub module: Option<Range<usize>>,
}

/// `image = "file"`, or a table.
pub(crate) fn image_of(vm: &Table<'_, '_>, sink: &Sink) -> Option<ImageSpec> {
    let Some(raw) = vm.raw("image") else {
        vm.missing("image", "\"@guests/linux/Image\"");
        return None;
    };
    if let DeValue::String(_) = raw.get_ref() {
        let kernel = string(raw, "image", sink)?;
        let at = raw.span();
        return Some(ImageSpec {
            kernel,
            initrd: None,
            bootargs: At::new(String::new(), at.clone()),
            format: At::new(FormatSpec::Auto, at),
            load: None,
            entry: None,
            dtb: None,
            module: None,
        });
    }
    if !matches!(raw.get_ref(), DeValue::Table(_)) {
        wrong_type(raw, raw.get_ref(), "image", "a file name or a table", sink);
        return None;
    }
    let image = table(raw, "image", "[vm.image]", IMAGE, sink)?;
    let kernel = image.string("kernel");
    if image.raw("kernel").is_none() {
        image.missing("kernel", "\"@guests/linux/Image\"");
    }
    let bootargs = image
        .string("bootargs")
        .unwrap_or_else(|| At::new(String::new(), image.span.clone()));
    let format = match image.string("format") {
        None => At::new(FormatSpec::Auto, image.span.clone()),
        Some(word) => {
            let formats = [
                FormatSpec::Auto,
                FormatSpec::Linux,
                FormatSpec::Elf,
                FormatSpec::Flat,
            ];
            let at = one_of(&word, "format", &["auto", "linux", "elf", "flat"], sink)?;
            At::new(formats[at], word.span)
        }
    };
    let module = match image.string("source") {
        None => None,
        Some(word) => match one_of(&word, "source", &["packed", "module"], sink)? {
            1 => Some(word.span),
            _ => None,
        },
    };
    Some(ImageSpec {
        kernel: kernel?,
        initrd: image.string("initrd"),
        bootargs,
        format,
        load: image.integer("load"),
        entry: image.integer("entry"),
        dtb: image.integer("dtb"),
        module,
    })
}
