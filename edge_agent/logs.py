"""JSON lines on standard error, one event each."""

import logging

import structlog


def configure_logs(level: str) -> None:
    """Set up structlog once, at the start."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # aiomqtt's own logger would say again what the link says.
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)
