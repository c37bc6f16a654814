"""Raspberry Pi Pico W: which wire goes where."""

import time

import machine
import network

from firmware.board.parts import assemble

PINS = {
    "reader_sck": 18,
    "reader_mosi": 19,
    "reader_miso": 16,
    "reader_cs": 17,
    "reader_rst": 20,
    "relay": 15,
    "arming": 10,
    "safety": 11,
    "arm_up": 12,
    "arm_down": 13,
    "lamp_red": 6,
    "lamp_green": 7,
    "buzzer": 8,
    "display_tx": 4,
}


def build(has_arm_switch, pulse_ms):
    """The Board of this chip, relay open."""
    spi = machine.SPI(
        0,
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
        # Virtual timers of the chip's alarm pool.
        (machine.Timer(-1), machine.Timer(-1)),
        machine.UART(1, baudrate=9600, tx=machine.Pin(PINS["display_tx"])),
        network.WLAN(network.WLAN.IF_STA),
        has_arm_switch,
        pulse_ms,
        # Its RTC counts whole seconds.
        None,
    )
