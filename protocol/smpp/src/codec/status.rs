//! Command statuses: SMPP 3.4, 5.1.3, those that 5.0 added (4.7.6), and the range left to vendors.

use super::named::named;

/// How a request went. Any number can be held; the known ones have the names of the standard without `ESME_`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u32);

named!(Status, 10, {
    OK = 0x0000_0000, "No error.";
    RINVMSGLEN = 0x0000_0001, "Message length is invalid.";
    RINVCMDLEN = 0x0000_0002, "Command length is invalid.";
    RINVCMDID = 0x0000_0003, "Invalid command id.";
    RINVBNDSTS = 0x0000_0004, "Incorrect bind status for the command.";
    RALYBND = 0x0000_0005, "Already bound.";
    RINVPRTFLG = 0x0000_0006, "Invalid priority flag.";
    RINVREGDLVFLG = 0x0000_0007, "Invalid registered delivery flag.";
    RSYSERR = 0x0000_0008, "System error.";
    RINVSRCADR = 0x0000_000a, "Invalid source address.";
    RINVDSTADR = 0x0000_000b, "Invalid destination address.";
    RINVMSGID = 0x0000_000c, "Message id is invalid.";
    RBINDFAIL = 0x0000_000d, "Bind failed.";
    RINVPASWD = 0x0000_000e, "Invalid password.";
    RINVSYSID = 0x0000_000f, "Invalid system id.";
    RCANCELFAIL = 0x0000_0011, "Cancel failed.";
    RREPLACEFAIL = 0x0000_0013, "Replace failed.";
    RMSGQFUL = 0x0000_0014, "Message queue is full.";
    RINVSERTYP = 0x0000_0015, "Invalid service type.";
    RINVNUMDESTS = 0x0000_0033, "Invalid number of destinations.";
    RINVDLNAME = 0x0000_0034, "Invalid distribution list name.";
    RINVDESTFLAG = 0x0000_0040, "Invalid destination flag.";
    RINVSUBREP = 0x0000_0042, "Submit with replace is not supported.";
    RINVESMCLASS = 0x0000_0043, "Invalid esm_class.";
    RCNTSUBDL = 0x0000_0044, "Cannot submit to the distribution list.";
    RSUBMITFAIL = 0x0000_0045, "Submit failed.";
    RINVSRCTON = 0x0000_0048, "Invalid type of number of the source.";
    RINVSRCNPI = 0x0000_0049, "Invalid numbering plan of the source.";
    RINVDSTTON = 0x0000_0050, "Invalid type of number of the destination.";
    RINVDSTNPI = 0x0000_0051, "Invalid numbering plan of the destination.";
    RINVSYSTYP = 0x0000_0053, "Invalid system type.";
    RINVREPFLAG = 0x0000_0054, "Invalid replace_if_present flag.";
    RINVNUMMSGS = 0x0000_0055, "Invalid number of messages.";
    RTHROTTLED = 0x0000_0058, "Throttled: the peer exceeded what it may send.";
    RINVSCHED = 0x0000_0061, "Invalid scheduled delivery time.";
    RINVEXPIRY = 0x0000_0062, "Invalid validity period.";
    RINVDFTMSGID = 0x0000_0063, "Predefined message is not valid or not found.";
    RX_T_APPN = 0x0000_0064, "Receiver has a temporary error: try again.";
    RX_P_APPN = 0x0000_0065, "Receiver has a permanent error: drop.";
    RX_R_APPN = 0x0000_0066, "Receiver rejects the message.";
    RQUERYFAIL = 0x0000_0067, "Query failed.";
    RINVTLVSTREAM = 0x0000_00c0, "Error in the optional part of the PDU body.";
    ROPTPARNOTALLWD = 0x0000_00c1, "TLV not allowed here.";
    RINVPARLEN = 0x0000_00c2, "Invalid parameter length.";
    RMISSINGOPTPARAM = 0x0000_00c3, "An expected TLV is missing.";
    RINVOPTPARAMVAL = 0x0000_00c4, "Invalid TLV value.";
    RDELIVERYFAILURE = 0x0000_00fe, "Delivery failed (`data_sm_resp`).";
    RUNKNOWNERR = 0x0000_00ff, "Unknown error.";
    RSERTYPUNAUTH = 0x0000_0100, "Not authorised for the service type (5.0).";
    RPROHIBITED = 0x0000_0101, "Operation prohibited (5.0).";
    RSERTYPUNAVAIL = 0x0000_0102, "Service type is unavailable (5.0).";
    RSERTYPDENIED = 0x0000_0103, "Service type is denied (5.0).";
    RINVDCS = 0x0000_0104, "Invalid data coding (5.0).";
    RINVSRCADDRSUBUNIT = 0x0000_0105, "Invalid source subunit (5.0).";
    RINVDSTADDRSUBUNIT = 0x0000_0106, "Invalid destination subunit (5.0).";
    RINVBCASTFREQINT = 0x0000_0107, "Invalid broadcast frequency (5.0).";
    RINVBCASTALIAS_NAME = 0x0000_0108, "Invalid broadcast alias (5.0).";
    RINVBCASTAREAFMT = 0x0000_0109, "Invalid broadcast area format (5.0).";
    RINVNUMBCAST_AREAS = 0x0000_010a, "Invalid number of broadcast areas (5.0).";
    RINVBCASTCNTTYPE = 0x0000_010b, "Invalid broadcast content type (5.0).";
    RINVBCASTMSGCLASS = 0x0000_010c, "Invalid broadcast message class (5.0).";
    RBCASTFAIL = 0x0000_010d, "Broadcast failed (5.0).";
    RBCASTQUERYFAIL = 0x0000_010e, "Broadcast query failed (5.0).";
    RBCASTCANCELFAIL = 0x0000_010f, "Broadcast cancel failed (5.0).";
    RINVBCAST_REP = 0x0000_0110, "Invalid number of broadcast repeats (5.0).";
    RINVBCASTSRVGRP = 0x0000_0111, "Invalid broadcast service group (5.0).";
    RINVBCASTCHANIND = 0x0000_0112, "Invalid broadcast channel (5.0).";
});

impl Status {
    /// Whether the request succeeded.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether this is one of the numbers left to SMSC vendors, 0x400-0x4FF; interfaces.md section 6 uses them too.
    #[must_use]
    pub const fn is_vendor(self) -> bool {
        self.0 >= 0x400 && self.0 <= 0x4ff
    }
}
