//! TLV tags: SMPP 3.4, 5.3.1, those that 5.0 added (4.8.1), and the gateway's own (interfaces.md section 4).

use core::ops::RangeInclusive;

use super::named::named;

/// What a TLV is. Any number can be held; the known ones have names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16);

named!(Tag, 6, {
    DEST_ADDR_SUBUNIT = 0x0005, "`dest_addr_subunit`: 1 octet.";
    DEST_NETWORK_TYPE = 0x0006, "`dest_network_type`: 1 octet.";
    DEST_BEARER_TYPE = 0x0007, "`dest_bearer_type`: 1 octet.";
    DEST_TELEMATICS_ID = 0x0008, "`dest_telematics_id`: 2 octets.";
    SOURCE_ADDR_SUBUNIT = 0x000d, "`source_addr_subunit`: 1 octet.";
    SOURCE_NETWORK_TYPE = 0x000e, "`source_network_type`: 1 octet.";
    SOURCE_BEARER_TYPE = 0x000f, "`source_bearer_type`: 1 octet.";
    SOURCE_TELEMATICS_ID = 0x0010, "`source_telematics_id`: 1 octet; some peers send 2.";
    QOS_TIME_TO_LIVE = 0x0017, "`qos_time_to_live`: seconds, 4 octets.";
    PAYLOAD_TYPE = 0x0019, "`payload_type`: 1 octet.";
    ADDITIONAL_STATUS_INFO_TEXT = 0x001d, "`additional_status_info_text`: C-octet string.";
    RECEIPTED_MESSAGE_ID = 0x001e, "`receipted_message_id`: C-octet string, at most 65 octets.";
    MS_MSG_WAIT_FACILITIES = 0x0030, "`ms_msg_wait_facilities`: 1 octet.";
    PRIVACY_INDICATOR = 0x0201, "`privacy_indicator`: 1 octet.";
    SOURCE_SUBADDRESS = 0x0202, "`source_subaddress`: 2-23 octets.";
    DEST_SUBADDRESS = 0x0203, "`dest_subaddress`: 2-23 octets.";
    USER_MESSAGE_REFERENCE = 0x0204, "`user_message_reference`: 2 octets.";
    USER_RESPONSE_CODE = 0x0205, "`user_response_code`: 1 octet.";
    SOURCE_PORT = 0x020a, "`source_port`: 2 octets.";
    DESTINATION_PORT = 0x020b, "`destination_port`: 2 octets.";
    SAR_MSG_REF_NUM = 0x020c, "`sar_msg_ref_num`: 2 octets.";
    LANGUAGE_INDICATOR = 0x020d, "`language_indicator`: 1 octet.";
    SAR_TOTAL_SEGMENTS = 0x020e, "`sar_total_segments`: 1 octet.";
    SAR_SEGMENT_SEQNUM = 0x020f, "`sar_segment_seqnum`: 1 octet, from 1.";
    SC_INTERFACE_VERSION = 0x0210, "`sc_interface_version`: 1 octet.";
    CALLBACK_NUM_PRES_IND = 0x0302, "`callback_num_pres_ind`: 1 octet.";
    CALLBACK_NUM_ATAG = 0x0303, "`callback_num_atag`: at most 65 octets.";
    NUMBER_OF_MESSAGES = 0x0304, "`number_of_messages`: 1 octet.";
    CALLBACK_NUM = 0x0381, "`callback_num`: 4-19 octets.";
    DPF_RESULT = 0x0420, "`dpf_result`: 1 octet.";
    SET_DPF = 0x0421, "`set_dpf`: 1 octet.";
    MS_AVAILABILITY_STATUS = 0x0422, "`ms_availability_status`: 1 octet.";
    NETWORK_ERROR_CODE = 0x0423, "`network_error_code`: network type and a 2-octet code.";
    MESSAGE_PAYLOAD = 0x0424, "`message_payload`: the message, if it is not in `short_message`.";
    DELIVERY_FAILURE_REASON = 0x0425, "`delivery_failure_reason`: 1 octet.";
    MORE_MESSAGES_TO_SEND = 0x0426, "`more_messages_to_send`: 1 octet.";
    MESSAGE_STATE = 0x0427, "`message_state`: 1 octet.";
    CONGESTION_STATE = 0x0428, "`congestion_state` (5.0): 1 octet, 0-99.";
    USSD_SERVICE_OP = 0x0501, "`ussd_service_op`: 1 octet.";
    BROADCAST_CHANNEL_INDICATOR = 0x0600, "`broadcast_channel_indicator` (5.0).";
    BROADCAST_CONTENT_TYPE = 0x0601, "`broadcast_content_type` (5.0).";
    BROADCAST_CONTENT_TYPE_INFO = 0x0602, "`broadcast_content_type_info` (5.0).";
    BROADCAST_MESSAGE_CLASS = 0x0603, "`broadcast_message_class` (5.0).";
    BROADCAST_REP_NUM = 0x0604, "`broadcast_rep_num` (5.0).";
    BROADCAST_FREQUENCY_INTERVAL = 0x0605, "`broadcast_frequency_interval` (5.0).";
    BROADCAST_AREA_IDENTIFIER = 0x0606, "`broadcast_area_identifier` (5.0).";
    BROADCAST_ERROR_STATUS = 0x0607, "`broadcast_error_status` (5.0).";
    BROADCAST_AREA_SUCCESS = 0x0608, "`broadcast_area_success` (5.0).";
    BROADCAST_END_TIME = 0x0609, "`broadcast_end_time` (5.0).";
    BROADCAST_SERVICE_GROUP = 0x060a, "`broadcast_service_group` (5.0).";
    BILLING_IDENTIFICATION = 0x060b, "`billing_identification` (5.0).";
    SOURCE_NETWORK_ID = 0x060d, "`source_network_id` (5.0).";
    DEST_NETWORK_ID = 0x060e, "`dest_network_id` (5.0).";
    SOURCE_NODE_ID = 0x060f, "`source_node_id` (5.0).";
    DEST_NODE_ID = 0x0610, "`dest_node_id` (5.0).";
    DEST_ADDR_NP_RESOLUTION = 0x0611, "`dest_addr_np_resolution` (5.0).";
    DEST_ADDR_NP_INFORMATION = 0x0612, "`dest_addr_np_information` (5.0).";
    DEST_ADDR_NP_COUNTRY = 0x0613, "`dest_addr_np_country` (5.0).";
    DISPLAY_TIME = 0x1201, "`display_time`: 1 octet.";
    SMS_SIGNAL = 0x1203, "`sms_signal`: 2 octets.";
    MS_VALIDITY = 0x1204, "`ms_validity`: 1 octet, or 4 in 5.0.";
    ALERT_ON_MESSAGE_DELIVERY = 0x130c, "`alert_on_message_delivery`: empty, or 1 octet in 5.0.";
    ITS_REPLY_TYPE = 0x1380, "`its_reply_type`: 1 octet.";
    ITS_SESSION_INFO = 0x1383, "`its_session_info`: 2 octets.";
    ENCRYPTED_DEVICE_ID = 0x1500, "Ours: an encrypted device id.";
    PSEUDONYM = 0x1501, "Ours: a pseudonym.";
    AUTHORIZATION_ID = 0x1502, "Ours: the id of an authorization.";
    AS_OF = 0x1503, "Ours: the date for which the device id is resolved, `YYYYMMDD`.";
    ENTERPRISE_ID = 0x1504, "Ours: the enterprise the notary acts for.";
    TEMPLATE_ID = 0x1505, "Ours: the id of an approved template.";
    PARAMS = 0x1506, "Ours: the template's parameters, JSON.";
    JOB_ID = 0x1507, "Ours: the id of the job the message belongs to.";
    REASON_CODE = 0x1508, "Ours: why a request failed, 4 ASCII digits, in responses.";
    AUTHORIZATION = 0x150a, "Ours: a whole authorization, JSON.";
});

impl Tag {
    /// The lengths the standard allows for the value; any length for tags it does not fix. C-octet strings
    /// are taken with and without their closing NUL, as peers send both.
    #[must_use]
    pub fn allowed_lengths(self) -> RangeInclusive<usize> {
        match self {
            Self::DEST_ADDR_SUBUNIT
            | Self::DEST_NETWORK_TYPE
            | Self::DEST_BEARER_TYPE
            | Self::SOURCE_ADDR_SUBUNIT
            | Self::SOURCE_NETWORK_TYPE
            | Self::SOURCE_BEARER_TYPE
            | Self::PAYLOAD_TYPE
            | Self::MS_MSG_WAIT_FACILITIES
            | Self::PRIVACY_INDICATOR
            | Self::USER_RESPONSE_CODE
            | Self::LANGUAGE_INDICATOR
            | Self::SAR_TOTAL_SEGMENTS
            | Self::SAR_SEGMENT_SEQNUM
            | Self::SC_INTERFACE_VERSION
            | Self::CALLBACK_NUM_PRES_IND
            | Self::NUMBER_OF_MESSAGES
            | Self::DPF_RESULT
            | Self::SET_DPF
            | Self::MS_AVAILABILITY_STATUS
            | Self::DELIVERY_FAILURE_REASON
            | Self::MORE_MESSAGES_TO_SEND
            | Self::MESSAGE_STATE
            | Self::CONGESTION_STATE
            | Self::USSD_SERVICE_OP
            | Self::DISPLAY_TIME
            | Self::ITS_REPLY_TYPE => 1..=1,
            Self::DEST_TELEMATICS_ID
            | Self::USER_MESSAGE_REFERENCE
            | Self::SOURCE_PORT
            | Self::DESTINATION_PORT
            | Self::SAR_MSG_REF_NUM
            | Self::SMS_SIGNAL
            | Self::ITS_SESSION_INFO => 2..=2,
            Self::NETWORK_ERROR_CODE => 3..=3,
            Self::QOS_TIME_TO_LIVE => 4..=4,
            Self::SOURCE_TELEMATICS_ID => 1..=2,
            Self::MS_VALIDITY => 1..=4,
            Self::ALERT_ON_MESSAGE_DELIVERY => 0..=1,
            Self::RECEIPTED_MESSAGE_ID | Self::CALLBACK_NUM_ATAG => 0..=65,
            Self::SOURCE_SUBADDRESS | Self::DEST_SUBADDRESS => 2..=23,
            Self::CALLBACK_NUM => 4..=19,
            Self::ADDITIONAL_STATUS_INFO_TEXT => 0..=256,
            _ => 0..=65_535,
        }
    }
}
