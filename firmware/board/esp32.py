"""ESP32 (DevKitC and its like): which wire goes where."""

import time

import machine
import network

from firmware.board.parts import assemble

# Strapping pins (0, 2, 12, 15) and the flash's (6 to 11) are left alone; the relay's pin is low
# while the chip starts.
PINS = {
    "reader_sck": 18,
    "reader_mosi": 23,
    "reader_miso": 19,
    "reader_cs": 5,
    "reader_rst": 22,
    "relay": 25,
    "arming": 32,
    "safety": 33,
    "arm_up": 13,
    "arm_down": 14,
    "lamp_red": 26,
    "lamp_green": 27,
    "buzzer": 4,
    "display_tx": 17,
}


def build(has_arm_switch, pulse_ms):
    """The Board of this chip, relay open."""
    # Twice the pace the figures were measured at is well within the reader's 10 MHz.
    spi = machine.SPI(
        2,
        baudrate=2_000_000,
        polarity=0,
        phase=0,
        sck=machine.Pin(PINS["reader_sck"]),
        mosi=machine.Pin(PINS["reader_mosi"]),
        miso=machine.Pin(PINS["reader_miso"]),
    )
    return assemble(
        machine,
        time,
        PINS,
        spi,
        (machine.Timer(0), machine.Timer(1)),
        machine.UART(2, baudrate=9600, tx=PINS["display_tx"]),
        network.WLAN(network.WLAN.IF_STA),
        has_arm_switch,
        pulse_ms,
        1000,
    )
