"""The box in the car park: decides at the lanes, keeps every event until the cloud has it."""
