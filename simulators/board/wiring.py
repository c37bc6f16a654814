"""Which wire hangs on which pin of the bench's boards: the other end of firmware/board's maps."""

ESP32 = {
    5: "reader_cs",
    22: "reader_rst",
    25: "relay",
    32: "arming",
    33: "safety",
    13: "arm_up",
    14: "arm_down",
    26: "lamp_red",
    27: "lamp_green",
    4: "buzzer",
    17: "display_tx",
    18: "reader_sck",
    23: "reader_mosi",
    19: "reader_miso",
}

RP2 = {
    17: "reader_cs",
    20: "reader_rst",
    15: "relay",
    10: "arming",
    11: "safety",
    12: "arm_up",
    13: "arm_down",
    6: "lamp_red",
    7: "lamp_green",
    8: "buzzer",
    4: "display_tx",
    18: "reader_sck",
    19: "reader_mosi",
    16: "reader_miso",
}

BOARDS = {"esp32": ESP32, "rp2": RP2}
