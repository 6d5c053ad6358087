"""JSON types: conversion between Python types and JSON, and JSON Schemas."""
