//! `service_type` (SMPP 3.4, 5.2.11): which service of the SMSC a message uses.

/// A name of at most five printable ASCII characters; empty is the SMSC's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServiceType {
    length: u8,
    text: [u8; 5],
}

impl ServiceType {
    /// Takes a name; none if it is too long or holds other characters.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let mut text = [0; 5];
        text.get_mut(..name.len())?.copy_from_slice(name);
        let graphic = name.iter().all(u8::is_ascii_graphic);
        graphic.then_some(Self { length: u8::try_from(name.len()).ok()?, text })
    }

    /// The name, as it stands in the field.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Those of SMPP 3.4: cellular messaging and paging, voice mail, WAP and USSD.
    pub(crate) fn known() -> Vec<Self> {
        [&b"CMT"[..], b"CPT", b"VMN", b"VMA", b"WAP", b"USSD"].into_iter().filter_map(Self::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        assert_eq!(ServiceType::parse(b"USSD").unwrap().as_bytes(), b"USSD");
        assert_eq!(ServiceType::parse(b"").unwrap(), ServiceType::default());
        assert_eq!(ServiceType::parse(b"TOOLNG"), None);
        assert_eq!(ServiceType::parse(b"A B"), None);
        assert_eq!(ServiceType::known().len(), 6);
    }
}
