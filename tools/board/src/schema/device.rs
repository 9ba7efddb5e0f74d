//! The schema of a VM's emulated devices.

use std::ops::Range;

use toml::de::DeValue;

use crate::model::DeviceKind;
use crate::reader::{At, Sink, one_of, string, table, wrong_type};

/// The keys of one, which docs/systems.md must all explain.
pub(crate) const DEVICE: &[&str] = &["kind", "ipa", "intid"];

#[derive(Clone, Debug)]
pub(crate) struct DeviceSpec {
    pub span: Range<usize>,
    pub kind: DeviceKind,
    pub ipa: Option<At<u64>>,
    pub intid: Option<At<u32>>,
}

const DEVICES: [(&str, DeviceKind); 2] = [("uart", DeviceKind::Uart), ("rtc", DeviceKind::Rtc)];

/// `"uart"`, or a table with other addresses than the usual ones.
pub(crate) fn device_of(raw: &toml::Spanned<DeValue<'_>>, sink: &Sink) -> Option<DeviceSpec> {
    let words = DEVICES.map(|(word, _)| word);
    if let DeValue::String(_) = raw.get_ref() {
        let word = string(raw, "devices", sink)?;
        let kind = DEVICES[one_of(&word, "device", &words, sink)?].1;
        return Some(DeviceSpec {
            span: word.span,
            kind,
            ipa: None,
            intid: None,
        });
    }
    if !matches!(raw.get_ref(), DeValue::Table(_)) {
        wrong_type(
            raw,
            raw.get_ref(),
            "devices",
            "a list of names like \"uart\", or tables",
            sink,
        );
        return None;
    }
    let device = table(raw, "devices", "a device", DEVICE, sink)?;
    let kind = device.string("kind");
    if device.raw("kind").is_none() {
        device.missing("kind", "\"uart\"");
    }
    let kind = DEVICES[one_of(&kind?, "device", &words, sink)?].1;
    let (ipa, intid) = (device.integer("ipa"), device.integer32("intid"));
    Some(DeviceSpec {
        span: device.span,
        kind,
        ipa,
        intid,
    })
}
