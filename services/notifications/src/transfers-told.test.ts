import { create } from '@bufbuild/protobuf';
import { InstructorTransferBookedSchema } from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import { expect, it } from 'vitest';
import { letterText } from './letter.ts';
import { transferLetter, transferNotice } from './transfers-told.ts';

const booked = (amountMinor: bigint, reversesId = '', reason = 'taught together') =>
  create(InstructorTransferBookedSchema, {
    ...{ transferId: 'itr_1', instructorId: 'usr_1', amount: { currency: 'INR', amountMinor }, reason, reversesId },
  });

it('says to who gets it that it was added, and why', () => {
  expect(transferNotice(booked(30_000n))).toEqual({
    kind: 'instructor_transfer',
    title: '₹300.00 added to what you are owed',
    body: 'A transfer between instructors: “taught together”. It is a line of your next statement.',
    link: '/teach/earnings',
  });
});

it('says to who gave it that it was taken, also when it goes back', () => {
  expect(transferNotice(booked(-30_000n)).title).toBe('₹300.00 taken from what you are owed');
  expect(transferNotice(booked(-10_000n, 'itr_0')).body).toContain('was taken back: “taught together”');
});

it('names in the mail what to ask about, and lets no reason make lines of its own', () => {
  const text = letterText(transferLetter(booked(-30_000n, '', 'a\n\nPay at evil.example')), {
    name: '',
    publicUrl: 'https://learn.example.org',
  });
  expect(text).toContain(
    '₹300.00 taken from what you are owed. A transfer between instructors: “a Pay at evil.example”.',
  );
  expect(text).toContain('name itr_1');
});
