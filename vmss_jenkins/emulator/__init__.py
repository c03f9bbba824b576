"""An emulator of the slice of Azure Resource Manager that deploys virtual machine scale sets."""

from vmss_jenkins.emulator.availability import Availability, Change, Summary
from vmss_jenkins.emulator.clock import Clock, ManualClock, ScaledClock
from vmss_jenkins.emulator.faults import Fault
from vmss_jenkins.emulator.scenario import Release, Scenario, SetSpec, Timings
from vmss_jenkins.emulator.server import Emulator

__all__ = [
    "Availability",
    "Change",
    "Clock",
    "Emulator",
    "Fault",
    "ManualClock",
    "Release",
    "ScaledClock",
    "Scenario",
    "SetSpec",
    "Summary",
    "Timings",
]
