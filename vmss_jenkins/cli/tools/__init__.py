"""Commands that stand alone: the emulator, the Azure role, reports, schemas."""
