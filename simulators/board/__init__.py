"""A gate's board, simulated under real MicroPython: fake `machine` and `network`, real firmware.

Put this folder before the built-in modules and run the runner:

    MICROPYPATH=ROOT/simulators/board:ROOT:.frozen micropython ROOT/simulators/board/run.py

Environment:
    CURB_GATE         id of the gate (also the chip's unique id)
    CURB_FLASH        folder that stands for the flash; what it holds: firmware/README.md
    CURB_WORLD        host:port of the world, see world.py; without it the board lies in a drawer
    CURB_BOARD        esp32 (default) or rp2: which wiring
    CURB_CLOCK_FILE   8 bytes, little-endian, ms since 1970: the true time; else the host's
    CURB_SPI_US       what a transaction on the reader's bus costs, default 60; 0: no waiting
    CURB_READER       version byte of the reader chip, default 0x92; 0x12 is a clone

Exit status: 75 after machine.reset(), killed by SIGALRM when the watchdog bites, 0 when the world
ends the connection. Either reset leaves CURB_FLASH + ".reset" behind, which the next start takes as
its reset cause; without it the start is a power-on and the RTC has lost the time.
"""
